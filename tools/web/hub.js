// SPDX-License-Identifier: Apache-2.0
// hub.js - what the page knows: hears the stream, keeps what is open, calls
//
// Every call carries the page's secret, which the login gave: a cookie alone opens nothing.
"use strict";

const STAY_MS = 7000;       // how long an answered request is still shown
const BATCH = 64;           // requests that one call may answer
const KEY = "terok-page";

const requests = new Map();  // by id
const guards = new Map();    // by number
let secret = localStorage.getItem(KEY) || "";
let skew = 0;                // milliseconds to add to the hub's boot time: this browser's clock
let stream = null, tries = 0, ready = false;
let fresh = 0, freshTimer = 0, reloading = 0, missed = 0, missedBox = null;

const wall = (bootNs) => bootNs / 1e6 + skew;

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
		r.mine = true;
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
			} else if (first(result) && result.action === action) {
				done++; // so did somebody, or our own answer to another one, which was for this as well
				decided(r, result);
			} else {
				problem = result.problem || result.error || "no answer";
				failed(r, result, problem);
			}
		}
	}
	if (done)
		say((action === "allow" ? "Allowed " : "Denied ") + (open.length === 1 ? nameOf(open[0])
			: (done < open.length ? done + " of " : "") + plural(open.length, "request")));
	if (problem)
		toast("Not answered: " + problem);
	draw();
}

// was somebody first, and what did they say?
const first = (said) => (said.error || "").endsWith("AlreadyAnswered") && said.action;

function failed(r, said, problem) {
	const error = said.error || "";
	r.mine = false;
	if (first(said))
		decided(r, said);
	else if (error.endsWith("UnknownRequest"))
		finish(r, "gone");
	else if (r.state === "sent")
		r.state = "open";
	r.problem = problem;
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
		skew = Date.now() - data.boot_ns / 1e6;
		tries = 0;
		setLive(data.connected ? "wait" : "off", data.connected ? "Connecting" : "No hub");
		$("app").classList.toggle("away", !data.connected);
		notice(data.connected ? "" : "The hub is away: nobody is asked until the agent runs again. What was decided holds.");
		// what is open is told anew; what is not told was answered or ended meanwhile
		for (const r of requests.values())
			r.stale = r.state === "open" || r.state === "sent";
		guards.clear();
		alarmsAwait();
		ready = false;
	} else if (kind === "ready") {
		for (const r of requests.values())
			if (r.stale)
				finish(r, "gone");
		ready = true;
		alarmsTold();
		setLive("on", "Live");
		refresh();
	} else if (kind === "guard") {
		guards.set(data.guard, { ...guards.get(data.guard), ...data });
	} else if (kind === "lost") {
		missed += data.lost;
		missedBox = toast(plural(missed, "event") + " missed: this page was too slow; what is open is loaded again", missedBox);
		reload();
	} else if (kind === "event") {
		happened(data.event, data);
	} else if (kind === "bye") {
		showLogin("You are logged out.");
	}
	draw();
}

function reload() {
	if (reloading)
		return;
	reloading = setTimeout(() => {
		reloading = missed = 0;
		if (stream) {
			stream.abort();
			listen();
		}
	}, 3000);
}

function happened(e, group) {
	const r = requests.get(e.request_id);
	if (e.type === "request") {
		asked(e, group);
	} else if (e.type === "verdict") {
		if (r && e.ok) {
			decided(r, e);
		} else if (r && r.state === "sent") {
			r.state = "open";
			r.problem = e.problem;
		}
	} else if (e.type === "expired") {
		if (r)
			finish(r, "gone");
	} else if (e.type.startsWith("a")) { // alarm, alarm_over, agent.*
		if (e.type !== "agent.contained" && e.guard)
			return; // an agent's life: nothing here shows it
		alarmed(e);
	} else if (e.type === "held") {
		const guard = guards.get(e.guard) || {};
		guards.set(e.guard, { ...guard, held: heldOf(guard) + e.count, heldAt: Date.now() });
	} else if (e.type.startsWith("guard_")) {
		if (e.type === "guard_detached")
			guards.delete(e.guard);
		else
			guards.set(e.guard, { ...guards.get(e.guard), guard: e.guard, name: e.name, container: e.container, state: e.state });
		if (e.type === "guard_detached" || e.state !== "block")
			alarmed(e);
		if (e.type === "guard_detached" || (e.type === "guard_state" && e.state !== "up"))
			for (const one of requests.values())
				if (one.guard === e.guard && one.container === e.container)
					finish(one, "gone");
	}
	if (e.type !== "request" || view === "history")
		refresh();
}

function decided(r, e) {
	r.by = r.mine ? "" : userOf(e.uid) + (e.client ? ", " + e.client : "");
	r.scope = scopeWords(e.scope, e.until_ns);
	r.made = e.rule || "";
	finish(r, e.action === "allow" ? "allowed" : "denied");
}

function asked(e, group) {
	let r = requests.get(e.request_id);
	const at = wall(e.boot_ns);
	if (!r) {
		r = { id: e.request_id, first: at, shown: Date.now(), fresh: ready, known: ready || e.count < 2, state: "open", number: requests.size };
		requests.set(r.id, r);
		if (ready)
			announce(e);
	}
	Object.assign(r, {
		guard: e.guard, container: e.container, name: e.name || e.container, dest: e.dest, domain: e.domain,
		site: group.site, shared: group.shared, local: group.local,
		port: e.port, proto: e.proto, reason: e.reason, rule: e.rule || "", said: e.said, count: e.count,
		parents: e.parents || [],
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
	const words = (e.name || e.container) + " asks for " + nameOf(e) + (e.port ? " port " + e.port : "");
	freshTimer = setTimeout(() => {
		say(fresh === 1 ? words : fresh + " new requests");
		fresh = freshTimer = 0;
	}, 600);
}
