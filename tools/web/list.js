// SPDX-License-Identifier: Apache-2.0
// list.js - the view of open requests, by container and domain; mouse and keys
"use strict";

const STILL_MS = 400;       // a click so soon after the list moved was meant for something else
const HELD_MS = 60000;      // how long it is said that a guard has more than it may ask
const ROWS = 300;           // requests that are drawn; the others are counted

const rows = new Map();     // elements by key, kept while they are shown
let filter = "", movedAt = 0, drawing = 0;

const matches = (...texts) => !filter || texts.some((text) => text && String(text).toLowerCase().includes(filter));

// --- drawing

function draw() {
	if (drawing)
		return;
	drawing = setTimeout(() => {
		drawing = 0;
		if (!loggedIn)
			return;
		drawCount();
		({ requests: drawRequests, grants: drawGrants, history: drawHistory })[view]();
	}, 40);
}

function drawCount() {
	let n = 0;
	for (const r of requests.values())
		n += waits(r);
	$("n-open").textContent = n;
	$("n-open").hidden = !n;
	document.title = (n ? "(" + n + ") " : "") + "Clearance";
}

// the element of @key, made once; what is not asked for in a round goes
function keep(key, make, used) {
	used.add(key);
	let element = rows.get(key);
	if (!element) {
		element = make();
		element.key = key;
		rows.set(key, element);
	}
	return element;
}

// children in that order; none is moved that need not be, for what is moved loses the focus
function place(parent, children) {
	const wanted = new Set(children);
	let moved = false;
	for (const child of [...parent.children])
		if (!wanted.has(child)) {
			child.remove();
			moved = true;
		}
	children.forEach((child, i) => {
		if (parent.children[i] !== child) {
			parent.insertBefore(child, parent.children[i] || null);
			moved = true;
		}
	});
	return moved;
}

function text(element, value) {
	if (element.textContent !== value)
		element.textContent = value;
}

function empty(picture, title, words) {
	return h("div", { class: "empty" }, icon(picture), h("h2", {}, title), h("p", {}, words));
}

function shownRequests() {
	const list = [...requests.values()].filter((r) => matches(r.name, r.container, r.dest, r.domain, r.site, r.said,
		r.process.comm, r.process.exe, r.process.cmdline, r.port && ":" + r.port, r.request_id));
	return list.sort((a, b) => a.shown - b.shown || a.number - b.number);
}

// containers, in them domains, in the order in which each was first seen: nothing jumps
function grouped(list) {
	const boxes = new Map();
	for (const r of list) {
		const boxKey = r.guard + "/" + r.container;
		if (!boxes.has(boxKey))
			boxes.set(boxKey, { key: boxKey, of: r, list: [], sites: new Map() });
		const box = boxes.get(boxKey);
		const site = r.local ? "local" : r.site ? "." + r.site : "none";
		box.list.push(r);
		if (!box.sites.has(site))
			box.sites.set(site, { key: boxKey + "/" + site, list: [],
				name: r.local ? "Private and local addresses" : r.site || "Addresses without a name" });
		box.sites.get(site).list.push(r);
	}
	return [...boxes.values()];
}

const waits = (r) => r.state === "open" || r.state === "sent";

// as many as are drawn, in their order; what waits for an answer comes before what is over
function drawn(all) {
	if (all.length <= ROWS)
		return all;
	const kept = new Set([...all.filter(waits), ...all.filter((r) => !waits(r))].slice(0, ROWS));
	return all.filter((r) => kept.has(r));
}

function drawRequests() {
	const all = shownRequests(), list = drawn(all), used = new Set();
	const focused = rowList().indexOf(document.activeElement);
	const parts = grouped(list).map((box) => drawBox(box, used));
	if (!parts.length)
		parts.push(keep(filter ? "empty-filter" : "empty", () => filter
			? empty("search", "Nothing matches", "No request that is open has these words.")
			: empty("check", "Nothing waits for an answer", "What guarded containers ask for appears here as it happens."), used));
	if (all.length > list.length)
		parts.push(h("p", { class: "many" }, plural(all.length - list.length, "more request") + " below these; filter, or answer these first"));
	let moved = place($("view-requests"), parts);
	for (const [key, element] of rows)
		if (key.startsWith("r:") || key.startsWith("b:") || key.startsWith("s:") || key.startsWith("empty"))
			if (!used.has(key)) {
				rows.delete(key);
				moved = true;
			}
	if (moved || used.moved)
		movedAt = performance.now();
	rove();
	const left = rowList();
	if (focused >= 0 && left.length && document.activeElement === document.body)
		focusRow(left[Math.min(focused, left.length - 1)]);
}

const openOf = (list) => list.filter((r) => r.state === "open");

const heldOf = (guard) => Date.now() - (guard.heldAt || 0) < HELD_MS ? guard.held : 0;

function drawBox(box, used) {
	const element = keep("b:" + box.key, () => {
		const made = h("section", { class: "box" });
		made.name = h("h2");
		made.id_ = h("span", { class: "id mono" });
		made.state = h("span", { class: "chip" });
		made.many = h("span", { class: "many" });
		made.all = h("button", { type: "button", class: "act", onclick: () => ask(openOf(made.list)) }, "Answer all\u2026");
		made.head = h("header", {}, icon("box"), made.name, made.id_, made.state, h("span", { class: "space" }), made.many, made.all);
		return made;
	}, used);
	const open = openOf(box.list), guard = guards.get(box.of.guard) || {}, state = guard.state || "";
	const held = heldOf(guard);
	element.list = box.list;
	text(element.name, box.of.name || box.of.container || "guard " + box.of.guard);
	text(element.id_, box.of.container && box.of.container !== box.of.name ? box.of.container.slice(0, 12) : "");
	text(element.state, state);
	element.state.hidden = !state || state === "up";
	text(element.many, (open.length ? plural(open.length, "request") : "") + (held ? ", " + plural(held, "refusal") + " more that nobody is asked about yet" : ""));
	element.all.hidden = open.length < 2;
	const sites = [...box.sites.values()].map((site) => drawSite(site, used));
	if (place(element, [element.head, ...sites]))
		used.moved = true;
	return element;
}

function drawSite(site, used) {
	const element = keep("s:" + site.key, () => {
		const made = h("div", { class: "group card" });
		made.name = h("h3");
		made.many = h("span", { class: "many" });
		made.deny = h("button", { type: "button", class: "act deny", onclick: () => unlessMoved(() => answer(openOf(made.list), "deny", { scope: usual(made.list) })) }, icon("cross"), "Deny all");
		made.allow = h("button", { type: "button", class: "act allow", onclick: () => unlessMoved(() => ask(openOf(made.list))) }, icon("check"), "Allow all\u2026");
		made.head = h("div", { class: "site" }, icon("globe"), made.name, made.many, h("span", { class: "space" }), made.deny, made.allow);
		return made;
	}, used);
	const open = openOf(site.list), several = site.list.length > 1;
	element.list = site.list;
	text(element.name, site.name);
	text(element.many, plural(site.list.length, "request"));
	element.deny.hidden = element.allow.hidden = open.length < 2;
	element.classList.toggle("in", several);
	const parts = site.list.map((r) => drawRow(r, used));
	if (place(element, several ? [element.head, ...parts] : parts))
		used.moved = true;
	return element;
}

function makeRow(r) {
	const row = h("article", { class: r.fresh ? "row fresh" : "row", tabindex: "-1", onkeydown: (event) => rowKey(event, row) });
	row.request = r;
	row.where = h("div", { class: "where" });
	row.who = h("div", { class: "who" });
	row.rule = h("div", { class: "rule" });
	row.times = h("b");
	row.since = h("span");
	row.do = h("div", { class: "do" });
	row.why = h("div", { class: "why" });
	row.chip = h("span", { class: "chip" });
	row.deny = h("button", { type: "button", class: "act deny", title: "Deny " + scopeWords(usual([r])), onclick: () => quick(row, "deny") }, icon("cross"), "Deny");
	row.allow = h("button", { type: "button", class: "act allow", title: "Allow " + scopeWords(usual([r])), onclick: () => quick(row, "allow") }, icon("check"), "Allow");
	row.more = h("button", { type: "button", class: "icon", title: "Details and choices", onclick: () => ask([row.request]) }, icon("more"), h("span", { class: "unseen" }, "Details and choices"));
	row.append(h("div", { class: "what" }, row.where, row.who, row.rule), h("div", { class: "when" }, row.times, row.since), row.do, row.why);
	return row;
}

function drawRow(r, used) {
	const row = keep("r:" + r.id, () => makeRow(r), used);
	const name = nameOf(r), process = r.process;
	const site = r.site && name.toLowerCase().endsWith("." + r.site) ? name.slice(-r.site.length) : name;
	const at = r.dest === name ? "" : r.dest;
	row.request = r;
	if (row.drawn !== name + portOf(r) + at) {
		row.drawn = name + portOf(r) + at;
		row.where.replaceChildren(...[
			name === site ? "" : h("span", { class: "sub" }, name.slice(0, -site.length)),
			h("span", { class: "main" }, site),
			h("span", { class: "port" }, portOf(r)),
			at && "  ", at && h("span", { class: "at" }, at),
			own(MARKS, r.reason) ? h("span", { class: "chip" }, own(MARKS, r.reason)) : "",
		].filter((part) => part !== ""));
	}
	text(row.rule, ruleWords(r));
	row.rule.hidden = !r.rule;
	const who = (process.comm || (r.guard ? "a packet" : "")) + (process.pid ? "[" + process.pid + "]" : "");
	if (row.whoText !== who + process.cmdline) {
		row.whoText = who + process.cmdline;
		row.who.replaceChildren(h("b", {}, who), "  ", h("span", { class: "mono" }, process.cmdline || process.exe || ""));
		row.who.title = process.exe || "";
	}
	text(row.times, r.count > 1 ? r.count + " times" : "once");
	text(row.since, (r.count < 2 ? " " : r.known ? " first " : " last ") + ago(r.known ? r.first : r.last));
	row.setAttribute("aria-label", r.name + " asks for " + name + (r.port ? " port " + r.port : "") + ", " + who + ", " + row.times.textContent + (r.state === "open" ? "" : ", " + row.chip.textContent));
	text(row.why, r.problem);
	row.why.hidden = !r.problem;
	drawState(row, r);
	return row;
}

function drawState(row, r) {
	const open = r.state === "open", held = row.contains(document.activeElement);
	if (row.state === r.state + r.scope + r.by + r.made)
		return;
	row.state = r.state + r.scope + r.by + r.made;
	row.classList.toggle("over", !open && r.state !== "sent");
	if (open) {
		row.do.replaceChildren(row.deny, row.allow, row.more);
		return;
	}
	row.chip.className = "chip " + ({ allowed: "allow", denied: "deny", sent: "wait" }[r.state] || "");
	text(row.chip, { sent: "Answering\u2026", allowed: "Allowed", denied: "Denied", gone: "Over" }[r.state] +
		(r.scope ? " " + r.scope : "") + (r.by ? ", by " + r.by : ""));
	row.chip.title = r.made ? "The rule is: " + r.made : "";
	row.do.replaceChildren(row.chip);
	if (held && document.activeElement === document.body)
		row.focus();
}

// --- answering

// rows move when others come or go: a click that may have been meant for another answers nothing
function unlessMoved(act) {
	if (performance.now() - movedAt < STILL_MS)
		toast("The list moved just then: nothing was answered");
	else
		act();
}

function quick(row, action, byKey) {
	const act = () => {
		next(row);
		answer([row.request], action, { scope: usual([row.request]) });
	};
	if (byKey)
		act(); // what has focus is what is meant
	else
		unlessMoved(act);
}

const rowList = () => [...$("view-requests").querySelectorAll(".row")];

function next(row) {
	const list = rowList().filter((other) => other === row || other.request.state === "open");
	const i = list.indexOf(row), to = list[i + 1] || list[i - 1];
	if (to && row.contains(document.activeElement))
		focusRow(to);
}

function focusRow(row) {
	for (const other of rowList())
		other.tabIndex = other === row ? 0 : -1;
	row.focus();
}

// one stop for Tab; arrows go on from there
function rove() {
	const list = rowList();
	if (list.length && !list.some((row) => row.tabIndex === 0))
		list[0].tabIndex = 0;
}

function rowKey(event, row) {
	if (event.ctrlKey || event.altKey || event.metaKey || event.target !== row)
		return;
	const list = rowList(), i = list.indexOf(row);
	const act = {
		ArrowDown: () => list[i + 1] && focusRow(list[i + 1]),
		ArrowUp: () => list[i - 1] && focusRow(list[i - 1]),
		Home: () => focusRow(list[0]),
		End: () => focusRow(list[list.length - 1]),
		d: () => row.request.state === "open" && quick(row, "deny", true),
		a: () => row.request.state === "open" && quick(row, "allow", true),
		Enter: () => ask([row.request]),
	};
	act.x = act.d;
	act.j = act.ArrowDown;
	act.k = act.ArrowUp;
	if (!act[event.key])
		return;
	event.preventDefault();
	act[event.key]();
}
