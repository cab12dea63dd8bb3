// SPDX-License-Identifier: Apache-2.0
// app.js - the live list: hears the stream, keeps what is open, draws, answers
//
// Text from outside reaches the page as text nodes only; the response's policy refuses all else.
// Every call carries the page's secret, which the login gave: a cookie alone opens nothing.
"use strict";

const $ = (id) => document.getElementById(id);
const STAY_MS = 7000;       // how long an answered request is still shown
const STILL_MS = 400;       // a click so soon after the list moved was meant for something else
const BATCH = 64;           // requests that one call may answer
const ROWS = 300;           // requests that are drawn; the others are counted
const KEY = "terok-page";
const SVG = "http://www.w3.org/2000/svg";

const SCOPES = [
	["once", "Once", "for one minute, to try again"],
	["300", "5 minutes", "for 5 minutes"],
	["3600", "1 hour", "for 1 hour"],
	["session", "Until it ends", "until the container ends"],
	["forever", "Forever", "for ever, also when the container comes back"],
];
const REASONS = {
	default: "no rule allows it",
	private: "a private address, and no rule allows it",
	rule_deny: "a rule denies it",
	name_deny: "no rule allows the name",
	hard_deny: "link-local and metadata addresses are never allowed",
	expired: "the rule that allowed it has ended",
	blocked: "the container is blocked",
	hello: "the connection named somebody else",
};

const MARKS = { private: "private address", name_deny: "name", expired: "was allowed", hello: "other name said" };

const requests = new Map();  // by id
const guards = new Map();    // by number
const rows = new Map();      // elements by key, kept while they are shown
let secret = localStorage.getItem(KEY) || "";
let view = "requests", filter = "", loggedIn = false;
let skew = 0;                // milliseconds to add to the hub's boot time
let movedAt = 0, drawing = 0, fresh = 0, freshTimer = 0;
let stream = null, tries = 0, ready = false;
let grants = null, history_ = [], historyMore = false, problems = {};

// --- elements

function h(tag, more, ...children) {
	const element = document.createElement(tag);
	for (const [key, value] of Object.entries(more || {})) {
		if (key.startsWith("on"))
			element.addEventListener(key.slice(2), value);
		else if (value !== null && value !== false && value !== undefined)
			element.setAttribute(key, value === true ? "" : value);
	}
	element.append(...children.filter((child) => child !== null && child !== ""));
	return element;
}

function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	const use = document.createElementNS(SVG, "use");
	use.setAttribute("href", "#i-" + name);
	svg.setAttribute("aria-hidden", "true");
	svg.append(use);
	return svg;
}

function say(text) {
	$("says").textContent = "";
	setTimeout(() => { $("says").textContent = text; }, 30);
}

function toast(text, bad) {
	const box = h("div", { class: "toast" }, icon(bad ? "warn" : "check"), h("span", {}, text));
	$("toasts").append(box);
	while ($("toasts").childElementCount > 3)
		$("toasts").firstElementChild.remove();
	setTimeout(() => box.remove(), bad ? 9000 : 4500);
	say(text);
}

// --- words

const plural = (n, one, many) => n + " " + (n === 1 ? one : many || one + "s");
const nameOf = (r) => r.domain || r.dest;
const protocol = (n) => ({ 6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6" })[n] || String(n);

function portOf(r) {
	if (!r.port && !r.proto)
		return "";
	return (r.port ? ":" + r.port : "") + "/" + protocol(r.proto);
}

function span(ms) {
	const s = Math.max(0, Math.round(ms / 1000));
	if (s < 60) return s + " s";
	if (s < 3600) return Math.floor(s / 60) + " min";
	if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
	return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

function ago(ms) {
	const s = (Date.now() - ms) / 1000;
	if (s < 5) return "just now";
	if (s < 60) return Math.floor(s) + " s ago";
	if (s < 3600) return Math.floor(s / 60) + " min ago";
	if (s < 86400) return Math.floor(s / 3600) + " h ago";
	return Math.floor(s / 86400) + " d ago";
}

const wall = (bootNs) => bootNs / 1e6 + skew;

function stamp(ms) {
	const at = new Date(ms), today = new Date().toDateString() === at.toDateString();
	const time = h("time", { datetime: at.toISOString(), title: at.toLocaleString() });
	time.textContent = today ? at.toLocaleTimeString() :
		at.toLocaleDateString(undefined, { day: "numeric", month: "short" }) + " " + at.toLocaleTimeString();
	return time;
}

function scopeWords(scope, untilNs) {
	if (untilNs && scope !== "once")
		return "for " + span(wall(untilNs) - Date.now());
	return (SCOPES.find((one) => one[0] === scope) || [, , scope])[2];
}

const matches = (...texts) => !filter || texts.some((text) => text && String(text).toLowerCase().includes(filter));

// --- calls

async function call(path, body) {
	const options = { headers: { "X-Terok-Page": secret } };
	if (body) {
		options.method = "POST";
		options.headers["Content-Type"] = "application/json";
		options.body = JSON.stringify(body);
	}
	let response, answer;
	try {
		response = await fetch(path, options);
		answer = await response.json();
	} catch {
		return { error: "Unreachable", problem: "terok-clearance web is not reachable" };
	}
	if (response.status === 401 || answer.error === "WrongPage")
		showLogin("Your session has ended.");
	return answer;
}

function batches(list) {
	const parts = [];
	for (let i = 0; i < list.length; i += BATCH)
		parts.push(list.slice(i, i + BATCH));
	return parts;
}

async function answer(list, action, choice) {
	const open = list.filter((r) => r.state === "open");
	for (const r of open) {
		r.state = "sent";
		r.problem = "";
	}
	draw();
	let done = 0, problem = "";
	// how far is said of names only
	for (const part of batches(open.filter((r) => r.domain)).concat(batches(open.filter((r) => !r.domain)))) {
		const how = part[0].domain ? choice : { ...choice, reach: undefined };
		const said = await call("/api/answer", { requests: part.map((r) => r.id), action, ...how });
		const results = new Map((said.results || []).map((one) => [one.request_id, one]));
		for (const r of part) {
			const result = results.get(r.id) || said;
			if (result.ok) {
				done++;
				finish(r, action === "allow" ? "allowed" : "denied");
			} else {
				problem = result.problem || result.error || "no answer";
				failed(r, result.error || "", problem);
			}
		}
	}
	const words = (action === "allow" ? "Allowed " : "Denied ") +
		(open.length === 1 ? nameOf(open[0]) : done + " of " + plural(open.length, "request"));
	if (done)
		toast(done === open.length && done > 1 ? words.replace(done + " of ", "") : words);
	if (problem)
		toast("Not answered: " + problem, true);
	draw();
}

function failed(r, error, problem) {
	if (error.endsWith("AlreadyAnswered") || error.endsWith("UnknownRequest")) {
		r.problem = problem;
		if (r.state === "sent")
			finish(r, "gone");
	} else if (r.state === "sent") {
		r.state = "open";
		r.problem = problem;
	}
}

// --- the stream

async function listen() {
	const mine = stream = new AbortController();
	try {
		const response = await fetch("/api/events", { headers: { "X-Terok-Page": secret }, signal: mine.signal });
		if (response.status === 401 || response.status === 403)
			return showLogin(secret ? "Your session has ended." : "");
		if (response.ok) {
			showApp();
			await read(response.body.pipeThrough(new TextDecoderStream()).getReader());
		}
	} catch { /* gone: below */ }
	if (stream !== mine)
		return;
	setLive("off", "Disconnected");
	tries = Math.min(tries + 1, 4);
	setTimeout(() => { if (stream === mine) listen(); }, 500 * 2 ** tries);
}

async function read(reader) {
	let text = "";
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return;
		text += value;
		for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
			const lines = text.slice(0, end).split("\n");
			const field = (name) => (lines.find((line) => line.startsWith(name)) || "").slice(name.length);
			if (field("event: "))
				hear(field("event: "), JSON.parse(field("data: ")));
		}
	}
}

function hear(kind, data) {
	if (kind === "hub") {
		skew = data.wall_ns / 1e6 - data.boot_ns / 1e6;
		tries = 0;
		setLive(data.connected ? "wait" : "off", data.connected ? "Connecting" : "No hub");
		notice(data.connected ? "" : "The hub is away: nobody is asked until the agent runs again. What was decided holds.");
		// what is open is told anew; what is not told was answered or ended meanwhile
		for (const r of requests.values())
			r.stale = r.state === "open" || r.state === "sent";
		guards.clear();
		ready = false;
	} else if (kind === "ready") {
		for (const r of requests.values())
			if (r.stale)
				finish(r, "gone");
		ready = true;
		setLive("on", "Live");
		refresh();
	} else if (kind === "guard") {
		guards.set(data.guard, data);
	} else if (kind === "lost") {
		toast(plural(data.lost, "event") + " missed: this page was too slow; what is open is loaded again", true);
		reload();
	} else if (kind === "event") {
		happened(data.event, data.site);
	} else if (kind === "bye") {
		showLogin("You are logged out.");
	}
	draw();
}

let reloading = 0;
function reload() {
	if (reloading)
		return;
	reloading = setTimeout(() => {
		reloading = 0;
		if (stream) {
			stream.abort();
			listen();
		}
	}, 3000);
}

function happened(e, site) {
	const r = requests.get(e.request_id);
	if (e.type === "request") {
		asked(e, site);
	} else if (e.type === "verdict") {
		if (r && e.ok) {
			r.by = e.client || "";
			r.scope = scopeWords(e.scope, e.until_ns);
			finish(r, e.action === "allow" ? "allowed" : "denied");
		} else if (r && r.state === "sent") {
			r.state = "open";
			r.problem = e.problem;
		}
	} else if (e.type === "expired") {
		if (r)
			finish(r, "gone");
	} else if (e.type === "missed") {
		hear("lost", { lost: e.count });
	} else if (e.type.startsWith("guard_")) {
		if (e.type === "guard_detached")
			guards.delete(e.guard);
		else
			guards.set(e.guard, { ...guards.get(e.guard), guard: e.guard, name: e.name, container: e.container, state: e.state });
		if (e.type === "guard_detached" || (e.type === "guard_state" && e.state !== "up"))
			for (const one of requests.values())
				if (one.guard === e.guard && one.container === e.container)
					finish(one, "gone");
	}
	if (e.type !== "request")
		refresh();
}

function asked(e, site) {
	let r = requests.get(e.request_id);
	const at = wall(e.boot_ns);
	if (!r) {
		r = { id: e.request_id, first: at, shown: Date.now(), fresh: ready, state: "open", number: requests.size };
		requests.set(r.id, r);
		if (ready)
			announce(e);
	}
	Object.assign(r, {
		guard: e.guard, container: e.container, name: e.name, dest: e.dest, domain: e.domain, site,
		port: e.port, proto: e.proto, reason: e.reason, rule: e.rule || "", said: e.said, count: e.count,
		parents: e.parents || (e.process.parent_comm ? [e.process.parent_comm] : []),
		process: e.process, last: at, stale: false, problem: r.problem || "",
	});
	if (r.state !== "sent")
		r.state = "open";
}

function finish(r, state) {
	r.stale = false;
	if (r.state === state)
		return;
	if (r.state !== "open" && r.state !== "sent")
		return;
	r.state = state;
	if (state !== "gone")
		r.problem = "";
	setTimeout(() => {
		if (r.state === state) {
			requests.delete(r.id);
			draw();
		}
	}, STAY_MS);
}

// one sentence for many: a reader is not talked to death
function announce(e) {
	fresh++;
	if (freshTimer)
		return;
	const words = e.name + " asks for " + nameOf(e) + (e.port ? " port " + e.port : "");
	freshTimer = setTimeout(() => {
		say(fresh === 1 ? words : fresh + " new requests");
		fresh = freshTimer = 0;
	}, 600);
}

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
		n += r.state === "open" || r.state === "sent";
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

// children in that order, moving as little as can be, so that focus stays; true: something moved
function place(parent, children) {
	let moved = false;
	children.forEach((child, i) => {
		if (parent.children[i] !== child) {
			parent.insertBefore(child, parent.children[i] || null);
			moved = true;
		}
	});
	while (parent.children.length > children.length) {
		parent.lastElementChild.remove();
		moved = true;
	}
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
		const site = r.site || (r.domain ? r.domain : "");
		box.list.push(r);
		if (!box.sites.has(site))
			box.sites.set(site, { key: boxKey + "/" + site, name: site, list: [] });
		box.sites.get(site).list.push(r);
	}
	return [...boxes.values()];
}

function drawRequests() {
	const all = shownRequests(), list = all.slice(0, ROWS), used = new Set();
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
}

const openOf = (list) => list.filter((r) => r.state === "open");

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
	const open = openOf(box.list), state = (guards.get(box.of.guard) || {}).state || "";
	element.list = box.list;
	text(element.name, box.of.name || box.of.container || "guard " + box.of.guard);
	text(element.id_, box.of.container && box.of.container !== box.of.name ? box.of.container.slice(0, 12) : "");
	text(element.state, state);
	element.state.hidden = !state || state === "up";
	text(element.many, open.length ? plural(open.length, "request") : "");
	element.all.hidden = open.length < 2;
	const sites = [...box.sites.values()].map((site) => drawSite(site, used));
	if (place(element, [element.head, ...sites]))
		used.moved = true;
	return element;
}

function drawSite(site, used) {
	const element = keep("s:" + site.key, () => {
		const made = h("div", { class: "group" });
		made.name = h("h3");
		made.many = h("span", { class: "many" });
		made.deny = h("button", { type: "button", class: "act deny", onclick: () => unlessMoved(() => answer(openOf(made.list), "deny", { scope: "session" })) }, icon("cross"), "Deny all");
		made.allow = h("button", { type: "button", class: "act allow", onclick: () => unlessMoved(() => ask(openOf(made.list))) }, icon("check"), "Allow all\u2026");
		made.head = h("div", { class: "site" }, icon("globe"), made.name, made.many, h("span", { class: "space" }), made.deny, made.allow);
		return made;
	}, used);
	const open = openOf(site.list), several = site.list.length > 1;
	element.list = site.list;
	text(element.name, site.name || "Addresses without a name");
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
	row.times = h("b");
	row.since = h("span");
	row.do = h("div", { class: "do" });
	row.why = h("div", { class: "why" });
	row.chip = h("span", { class: "chip" });
	row.deny = h("button", { type: "button", class: "act deny", title: "Deny until the container ends", onclick: () => quick(row, "deny") }, icon("cross"), "Deny");
	row.allow = h("button", { type: "button", class: "act allow", title: "Allow until the container ends", onclick: () => quick(row, "allow") }, icon("check"), "Allow");
	row.more = h("button", { type: "button", class: "icon", title: "Details and choices", onclick: () => ask([row.request]) }, icon("more"), h("span", { class: "unseen" }, "Details and choices"));
	row.append(row.where, row.who, h("div", { class: "when" }, row.times, row.since), row.do, row.why);
	return row;
}

function drawRow(r, used) {
	const row = keep("r:" + r.id, () => makeRow(r), used);
	const name = nameOf(r), site = r.site && name.endsWith("." + r.site) ? r.site : name, process = r.process;
	const parts = [
		name === site ? "" : h("span", { class: "sub" }, name.slice(0, -site.length)),
		h("span", { class: "main" }, site),
		h("span", { class: "port" }, portOf(r)),
		MARKS[r.reason] ? h("span", { class: "chip" }, MARKS[r.reason]) : "",
	];
	row.request = r;
	if (row.drawn !== name + portOf(r)) {
		row.drawn = name + portOf(r);
		row.where.replaceChildren(...parts.filter((part) => part !== ""));
	}
	const who = (process.comm || "a packet") + (process.pid ? "[" + process.pid + "]" : "");
	if (row.whoText !== who + process.cmdline) {
		row.whoText = who + process.cmdline;
		row.who.replaceChildren(h("b", {}, who), "  ", h("span", { class: "mono" }, process.cmdline || process.exe || ""));
		row.who.title = process.exe || "";
	}
	text(row.times, r.count > 1 ? r.count + " times" : "once");
	text(row.since, (r.count > 1 ? " first " : " ") + ago(r.first));
	row.setAttribute("aria-label", r.name + " asks for " + name + (r.port ? " port " + r.port : "") + ", " + who + ", " + row.times.textContent);
	text(row.why, r.problem);
	row.why.hidden = !r.problem;
	drawState(row, r);
	return row;
}

function drawState(row, r) {
	const open = r.state === "open", held = row.contains(document.activeElement);
	if (row.state === r.state + r.scope + r.by)
		return;
	row.state = r.state + r.scope + r.by;
	row.classList.toggle("over", !open && r.state !== "sent");
	if (open) {
		row.do.replaceChildren(row.deny, row.allow, row.more);
		return;
	}
	row.chip.className = "chip " + ({ allowed: "allow", denied: "deny", sent: "wait" }[r.state] || "");
	text(row.chip, { sent: "Answering\u2026", allowed: "Allowed", denied: "Denied", gone: "Over" }[r.state] +
		(r.scope ? " " + r.scope : "") + (r.by ? " by " + r.by : ""));
	row.do.replaceChildren(row.chip);
	if (held && document.activeElement === document.body)
		row.focus();
}

// --- answering

// rows move when others come or go: a click that may have been meant for another answers nothing
function unlessMoved(act) {
	if (performance.now() - movedAt < STILL_MS)
		toast("The list moved just then: nothing was answered", true);
	else
		act();
}

function quick(row, action, byKey) {
	const act = () => {
		next(row);
		answer([row.request], action, { scope: "session" });
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
	act.j = act.ArrowDown;
	act.k = act.ArrowUp;
	if (!act[event.key])
		return;
	event.preventDefault();
	act[event.key]();
}

// --- details and choices

let asking = [];

function fact(list, name, ...value) {
	if (value.some((part) => part !== "" && part !== null && part !== undefined))
		list.push(h("dt", {}, name), h("dd", {}, ...value));
}

function factsOf(r) {
	const list = [], p = r.process;
	fact(list, "Container", r.name + (r.container && r.container !== r.name ? "  (" + r.container.slice(0, 12) + ")" : ""));
	fact(list, "Name", r.domain);
	fact(list, "Address", r.dest === r.domain ? "" : r.dest);
	fact(list, "Port", portOf(r) && (r.port || "none") + " / " + protocol(r.proto));
	fact(list, "It said", r.said);
	fact(list, "Process", p.comm ? p.comm + " [" + p.pid + "], user " + p.uid : "");
	fact(list, "Program", p.exe && h("span", { class: "mono" }, p.exe));
	fact(list, "Command", p.cmdline && h("span", { class: "mono" }, p.cmdline));
	fact(list, "Started by", r.parents.join(" \u2039 "));
	fact(list, "Refused", (REASONS[r.reason] || r.reason) + (r.rule ? ": " + r.rule : ""));
	fact(list, "Asked", (r.count > 1 ? r.count + " times, last " + ago(r.last) + ", first " : "once, ") + ago(r.first));
	return list;
}

function factsOfAll(list) {
	const facts = [], by = new Set(list.map((r) => r.process.comm).filter(Boolean));
	fact(facts, "Container", [...new Set(list.map((r) => r.name))].join(", "));
	fact(facts, "Requests", h("ul", {}, ...list.map((r) => h("li", {}, nameOf(r) + portOf(r)))));
	fact(facts, "Processes", [...by].join(", "));
	return facts;
}

function pick(name, legend, options, chosen) {
	return h("fieldset", {}, h("legend", {}, legend), h("div", { class: "pick" }, ...options.map(([value, label]) =>
		h("label", {}, h("input", { type: "radio", name, value, checked: value === chosen, onchange: askSays }), h("span", {}, label)))));
}

function ask(list) {
	if (!list.length)
		return;
	const one = list.length === 1 ? list[0] : null, named = list.some((r) => r.domain), ports = list.some((r) => r.port);
	const choices = [pick("scope", "For how long", SCOPES, "session")];
	asking = list;
	text($("ask-title"), one ? one.name + " asks for " + nameOf(one) : "Answer " + plural(list.length, "request"));
	$("ask-facts").replaceChildren(...(one ? factsOf(one) : factsOfAll(list)));
	if (named)
		choices.push(pick("reach", "How far", [
			...(one && one.dest === one.domain ? [] : [["address", one ? "This address" : "These addresses"]]),
			["name", one ? "This name" : "These names"], ["children", "And every name below"]], "name"));
	if (ports)
		choices.push(pick("ports", "Which ports", [["same", one ? "Port " + one.port + " only" : "The same ports only"], ["any", "Any port"]], "same"));
	$("ask-choices").replaceChildren(...(list.some((r) => r.state === "open") ? choices : []));
	$("ask-deny").disabled = $("ask-allow").disabled = !list.some((r) => r.state === "open");
	askSays();
	$("ask").showModal();
	$("ask-deny").focus();
}

const picked = (name) => ($("ask-form").elements[name] || {}).value || "";

function choiceMade() {
	const scope = picked("scope") || "session", choice = { scope };
	if (/^\d+$/.test(scope))
		Object.assign(choice, { scope: "time", seconds: Number(scope) });
	if (picked("reach"))
		choice.reach = picked("reach");
	if (picked("ports"))
		choice.ports = picked("ports");
	return choice;
}

function askSays() {
	const one = asking.length === 1 ? asking[0] : null, reach = picked("reach");
	const what = !one ? "these " + asking.length + " requests" + (reach === "children" ? " and every name below theirs" : "")
		: reach === "address" ? one.dest : nameOf(one) + (reach === "children" ? " and every name below it" : "");
	const port = picked("ports") === "any" ? " on any port" : one && one.port ? " on port " + one.port : "";
	const scope = SCOPES.find((s) => s[0] === (picked("scope") || "session"))[2];
	text($("ask-says"), "Your answer is for " + what + port + ", " + scope + ".");
}

function askAnswer(action) {
	const list = asking, choice = choiceMade();
	const row = list.length === 1 && rows.get("r:" + list[0].id);
	$("ask").close();
	if (row)
		next(row);
	answer(list, action, choice);
}

// --- grants and history

let refreshing = 0;
function refresh() {
	if (refreshing || view === "requests")
		return;
	refreshing = setTimeout(() => {
		refreshing = 0;
		load();
	}, 250);
}

async function load() {
	if (view === "grants") {
		const said = await call("/api/grants");
		problems.grants = said.problem || "";
		grants = said.grants || [];
	} else if (view === "history") {
		const said = await call("/api/history?limit=" + Math.max(100, Math.min(history_.length, 1000)));
		problems.history = said.problem || "";
		history_ = said.entries || [];
		historyMore = Boolean(said.more);
	}
	draw();
}

async function older() {
	const said = await call("/api/history?limit=100&after=" + history_[history_.length - 1].number);
	history_ = history_.concat(said.entries || []);
	historyMore = Boolean(said.more);
	draw();
}

function cell(label, kind, ...content) {
	return h("td", { class: kind, "data-label": label, role: "cell" }, h("div", {}, ...content));
}

function table(heads, lines) {
	return h("section", { class: "box" }, h("table", { role: "table" },
		h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads.map((head) => h("th", { scope: "col", role: "columnheader" }, head || h("span", { class: "unseen" }, "Revoke"))))),
		h("tbody", { role: "rowgroup" }, ...lines.map((line) => h("tr", { role: "row" }, ...line)))));
}

const verdict = (action) => h("span", { class: "chip " + (action === "allow" ? "allow" : "deny") }, action === "allow" ? "Allowed" : "Denied");
const target = (x) => h("span", {}, h("span", { class: "what" }, x.dest || x.domain), h("span", { class: "sub" }, portOf(x) || " any port"));
const userOf = (uid) => uid === 0 ? "root" : "user " + uid;

function remaining(g) {
	if (!g.until_ns)
		return [g.scope === "forever" ? "for ever" : "until the container ends"];
	const end = wall(g.until_ns), start = wall(g.since_ns);
	return [span(end - Date.now()) + " left", h("progress", { class: "left", max: Math.max(1, Math.round(end - start)), value: Math.max(0, Math.round(end - Date.now())), "aria-label": "time left" })];
}

function grantLine(g) {
	const revoke = h("button", { type: "button", class: "act", "data-grant": g.grant, onclick: async () => {
		revoke.disabled = true;
		const said = await call("/api/revoke", { grant: g.grant });
		toast(said.error ? "Not revoked: " + said.problem : "Revoked: " + (g.dest || g.name), Boolean(said.error));
		load();
	} }, icon("undo"), "Revoke");
	return [cell("Answer", "tight", verdict(g.action)), cell("Where", "", target(g)), cell("Container", "", g.name || g.container),
		cell("Time", "tight", ...remaining(g)), cell("By", "tight", userOf(g.uid)), cell("", "tight end", revoke)];
}

function drawGrants() {
	const list = (grants || []).filter((g) => matches(g.name, g.container, g.dest, g.action, g.scope) && !(g.until_ns && wall(g.until_ns) <= Date.now()));
	const held = document.activeElement && document.activeElement.dataset.grant;
	const part = list.length ? table(["Answer", "Where", "Container", "Time", "By", ""], list.map(grantLine))
		: problems.grants ? empty("warn", "No list of grants", problems.grants)
		: grants === null ? empty("clock", "Loading", "")
		: filter ? empty("search", "Nothing matches", "No grant has these words.")
		: empty("key", "No grants", "Answers that are in force appear here, with the time that they have left.");
	$("view-grants").replaceChildren(part);
	const again = held && [...part.querySelectorAll("[data-grant]")].find((button) => button.dataset.grant === held);
	if (again)
		again.focus();
}

const EVENTS = {
	request: ["Asked", "wait"], expired: ["Expired", ""], revoked: ["Revoked", ""],
	guard_attached: ["Guarded", ""], guard_detached: ["Ended", ""],
};

function historyLine(e) {
	const [word, kind] = EVENTS[e.type] || [e.type, ""];
	const guard = e.type.startsWith("guard_");
	return [cell("Time", "tight", stamp(e.wall_ns / 1e6)),
		cell("What", "tight", e.type === "verdict" ? verdict(e.action) : h("span", { class: "chip " + kind }, word)),
		cell("Where", "", guard ? h("span", { class: "sub" }, "container " + (e.type === "guard_attached" ? "began" : "ended")) : target(e)),
		cell("Container", "", e.name || e.container),
		cell("Who", "", h("span", { class: "sub" }, e.type === "request" ? e.process + (e.count > 1 ? ", " + e.count + " times" : "")
			: e.type === "verdict" ? userOf(e.uid) + (e.client ? ", " + e.client : "") + ", " + scopeWords(e.scope, 0) + (e.ok ? "" : " (failed)")
			: e.type === "revoked" ? userOf(e.uid) : ""))];
}

function drawHistory() {
	const list = history_.filter((e) => matches(e.name, e.container, e.dest, e.domain, e.type, e.action, e.process, e.client));
	const parts = list.length ? [table(["Time", "What", "Where", "Container", "Who"], list.map(historyLine))]
		: [problems.history ? empty("warn", "No history", problems.history)
			: filter ? empty("search", "Nothing matches", "No entry that is loaded has these words.")
			: empty("clock", "No history yet", "Requests, answers and their ends appear here.")];
	if (historyMore)
		parts.push(h("button", { type: "button", class: "act older", onclick: older }, "Load older"));
	$("view-history").replaceChildren(...parts);
}

// --- the frame

function setLive(kind, words) {
	$("live").className = "live " + kind;
	text($("live"), words);
}

function notice(words) {
	text($("notice"), words);
	$("notice").hidden = !words;
}

function show(name, focus) {
	view = name;
	for (const one of ["requests", "grants", "history"]) {
		const tab = $("tab-" + one);
		tab.setAttribute("aria-selected", String(one === name));
		tab.tabIndex = one === name ? 0 : -1;
		$("view-" + one).hidden = one !== name;
		if (one === name && focus)
			tab.focus();
	}
	$("keys").hidden = name !== "requests";
	load();
}

function showApp() {
	loggedIn = true;
	$("app").hidden = false;
	$("login").hidden = true;
	draw();
}

function showLogin(why, bad) {
	if (stream)
		stream.abort();
	stream = null;
	loggedIn = false;
	secret = "";
	localStorage.removeItem(KEY);
	requests.clear();
	if ($("ask").open)
		$("ask").close();
	$("app").hidden = true;
	$("login").hidden = false;
	document.title = "Clearance";
	if (why) {
		text($("login-why"), why);
		$("login-why").classList.toggle("bad", Boolean(bad));
	}
	$("login-link").focus();
}

async function login(token) {
	const said = await call("/api/login", { token });
	$("login-link").value = "";
	if (!said.page)
		return showLogin(said.error === "WrongToken" ? "This link does not work any more. It is good once, for ten minutes." : said.problem, true);
	secret = said.page;
	localStorage.setItem(KEY, secret);
	listen();
}

function start() {
	const token = new URLSearchParams(location.hash.slice(1)).get("login");
	if (location.hash)
		window.history.replaceState(null, "", location.pathname);
	if (token)
		login(token);
	else if (secret)
		listen();
	else
		showLogin("");
}

const TABS = ["requests", "grants", "history"];
for (const name of TABS)
	$("tab-" + name).addEventListener("click", () => show(name));
document.querySelector(".tabs").addEventListener("keydown", (event) => {
	const step = { ArrowRight: 1, ArrowLeft: 2 }[event.key];
	if (step)
		show(TABS[(TABS.indexOf(view) + step) % 3], true);
});
$("filter").addEventListener("input", () => {
	filter = $("filter").value.trim().toLowerCase();
	draw();
});
$("filter").addEventListener("keydown", (event) => {
	if (event.key === "Enter" && rowList().length)
		focusRow(rowList()[0]);
});
document.addEventListener("keydown", (event) => {
	if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || !loggedIn || $("ask").open || event.target.matches("input"))
		return;
	event.preventDefault();
	$("filter").select();
});
$("logout").addEventListener("click", async () => {
	await call("/api/logout", {});
	showLogin("You are logged out.");
});
$("login-form").addEventListener("submit", (event) => {
	event.preventDefault();
	login($("login-link").value.trim().replace(/^.*login=/, ""));
});
$("ask-form").addEventListener("submit", (event) => {
	event.preventDefault();
	askAnswer("deny"); // Enter, wherever it is pressed
});
$("ask-allow").addEventListener("click", () => askAnswer("allow"));
$("ask-close").addEventListener("click", () => $("ask").close());
window.addEventListener("hashchange", start);
setInterval(() => { if (!document.hidden) draw(); }, 5000);
start();
