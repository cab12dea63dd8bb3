// SPDX-License-Identifier: Apache-2.0
// tables.js - grants and history
"use strict";

let grants = null, grantsMore = false, history_ = [], historyMore = false, problems = {}, refreshing = 0;
let dirty = true;            // what a table shows has changed since it was drawn

function redraw() {
	dirty = true;
	draw();
}

function refresh() {
	if (refreshing || view === "requests")
		return;
	refreshing = setTimeout(() => {
		refreshing = 0;
		load();
	}, 400);
}

async function load() {
	if (view === "grants") {
		const said = await call("/api/grants");
		problems.grants = said.problem || "";
		grants = said.grants || [];
		grantsMore = Boolean(said.more);
	} else if (view === "history") {
		const said = await call("/api/history?limit=100"), newest = said.entries || [];
		const end = newest.length ? newest[newest.length - 1].number : 0;
		const older = history_.filter((e) => e.number < end);
		problems.history = said.problem || "";
		// older pages stay, unless so much has happened that there is a gap
		if (!older.length || !history_.some((e) => e.number >= end)) {
			history_ = newest;
			historyMore = Boolean(said.more);
		} else {
			history_ = newest.concat(older);
		}
	}
	redraw();
}

async function older() {
	const said = await call("/api/history?limit=100&after=" + history_[history_.length - 1].number);
	history_ = history_.concat(said.entries || []);
	historyMore = Boolean(said.more);
	if (said.problem)
		toast("No older entries: " + said.problem);
	redraw();
}

function cell(label, kind, ...content) {
	return h("td", { class: kind, "data-label": label, role: "cell" }, h("div", {}, ...content));
}

function table(label, heads, lines) {
	return h("section", { class: "card" }, h("table", { role: "table", "aria-label": label },
		h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads.map((head) => h("th", { scope: "col", role: "columnheader", class: head.toLowerCase() }, head || h("span", { class: "unseen" }, "Revoke"))))),
		h("tbody", { role: "rowgroup" }, ...lines.map((line) => h("tr", { role: "row" }, ...line)))));
}

const verdict = (action) => h("span", { class: "chip " + (action === "allow" ? "allow" : "deny") }, action === "allow" ? "Allowed" : "Denied");

function target(x) {
	const name = x.domain || x.dest;
	return h("span", {}, h("span", { class: "what" }, name), h("span", { class: "sub" }, portOf(x) || " any port"),
		x.dest && x.dest !== name ? h("span", { class: "sub mono" }, "  " + x.dest) : "");
}

function remaining(g) {
	if (!g.until_ns)
		return [g.scope === "forever" ? "for ever" : "until the container ends"];
	const end = wall(g.until_ns), start = wall(g.since_ns);
	return [span(end - Date.now()) + " left", h("progress", { class: "left", max: Math.max(1, Math.round(end - start)), value: Math.max(0, Math.round(end - Date.now())), "aria-label": "time left" })];
}

function grantLine(g) {
	const revoke = h("button", { type: "button", class: "act", "data-grant": g.grant, "aria-label": "Revoke for " + (g.dest || g.name), onclick: async () => {
		revoke.disabled = true;
		const said = await call("/api/revoke", { grant: g.grant });
		if (said.error)
			toast("Not revoked: " + (said.problem || said.error));
		else
			say("Revoked: " + (g.dest || g.name));
		load();
	} }, icon("undo"), "Revoke");
	return [cell("Answer", "tight", verdict(g.action)), cell("Where", "", target(g)), cell("Container", "", g.name || g.container),
		cell("Time", "tight", ...remaining(g)), cell("By", "tight", userOf(g.uid)), cell("", "tight end", revoke)];
}

function drawGrants() {
	if (!dirty)
		return;
	dirty = false;
	const list = (grants || []).filter((g) => matches(g.name, g.container, g.dest, g.action, g.scope) && !(g.until_ns && wall(g.until_ns) <= Date.now()));
	const held = document.activeElement && document.activeElement.dataset.grant;
	const part = list.length ? table("Grants", ["Answer", "Where", "Container", "Time", "By", ""], list.map(grantLine))
		: problems.grants ? empty("warn", "No list of grants", problems.grants)
		: grants === null ? empty("clock", "Loading", "")
		: filter ? empty("search", "Nothing matches", "No grant has these words.")
		: empty("key", "No grants", "Answers that are in force appear here, with the time that they have left.");
	$("view-grants").replaceChildren(part, ...(grantsMore ? [h("p", { class: "many" }, "There are more than these: revoke some, or ask of one guard: terok-clearance grants --guard N")] : []));
	const again = held && [...part.querySelectorAll("[data-grant]")].find((button) => button.dataset.grant === held);
	if (again)
		again.focus();
}

const EVENTS = {
	request: ["Asked", "wait"], verdict: ["Not applied", "wait"], expired: ["Expired", ""], revoked: ["Revoked", ""],
	guard_attached: ["Guarded", ""], guard_detached: ["Ended", ""], missed: ["Missed", "wait"],
	alarm: ["Unguarded", "wait"], contained: ["Contained", "wait"],
};

// what was done and by whom, in words
function historyWho(e) {
	const times = e.count > 1 ? ", " + e.count + " times" : "";
	if (e.type === "request" || e.type === "contained")
		return e.process + times;
	if (e.type === "verdict" || e.type === "revoked")
		return [userOf(e.uid), e.client, e.type === "verdict" && !e.ok && e.action, e.type === "verdict" && historyScope(e)].filter(Boolean).join(", ");
	return e.type === "missed" ? plural(e.count, "entry", "entries") + " not kept: too many" : "";
}

const historyScope = (e) => e.until_ns && e.scope === "time" ? "for " + span((e.until_ns - e.wall_ns) / 1e6) : scopeWords(e.scope, 0);

function historyLine(e) {
	const [word, kind] = own(EVENTS, e.type) || [e.type, ""];
	const where = e.dest || e.domain ? target(e) : e.type === "guard_attached" ? "the container began"
		: e.type === "guard_detached" ? "the container ended" : e.type === "alarm" ? "the container ran without its guard" : "";
	return [cell("Time", "", stamp(e.wall_ns / 1e6)),
		cell("What", "tight", e.type === "verdict" && e.ok ? verdict(e.action) : h("span", { class: "chip " + kind }, word)),
		cell("Where", "", where), cell("Container", "", e.name || e.container),
		cell("Who", "", h("span", { class: "sub" }, historyWho(e)))];
}

function drawHistory() {
	if (!dirty)
		return;
	dirty = false;
	const list = history_.filter((e) => matches(e.name, e.container, e.dest, e.domain, e.type, e.action, e.process, e.client));
	const held = document.activeElement && document.activeElement.classList.contains("older");
	const parts = list.length ? [table("History", ["Time", "What", "Where", "Container", "Who"], list.map(historyLine))]
		: [problems.history ? empty("warn", "No history", problems.history)
			: filter ? empty("search", "Nothing matches", "No entry that is loaded has these words.")
			: empty("clock", "No history yet", "Requests, answers and their ends appear here.")];
	const button = historyMore && h("button", { type: "button", class: "act older", onclick: older }, "Load older");
	$("view-history").replaceChildren(...parts, ...(button ? [button] : []));
	if (held && button)
		button.focus();
}
