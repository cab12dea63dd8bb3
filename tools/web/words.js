// SPDX-License-Identifier: Apache-2.0
// words.js - elements and sentences, which know nothing of the hub
//
// Text from outside reaches the page as text nodes and attributes only; the response's policy
// refuses all else. The scripts of this page share their names, in the order in index.html.
"use strict";

const $ = (id) => document.getElementById(id);
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

const MARKS = { private: "private address", name_deny: "by name", expired: "was allowed", hello: "other name said" };

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
	setTimeout(() => { $("says").textContent = loggedIn ? text : ""; }, 30);
}

// for what went wrong: what went well is seen where it happened, and said
function toast(text, instead) {
	if (instead)
		instead.remove();
	if (!loggedIn)
		return null;
	const box = h("div", { class: "toast", onclick: () => box.remove() }, icon("warn"), h("span", {}, text));
	$("toasts").append(box);
	while ($("toasts").childElementCount > 3)
		$("toasts").firstElementChild.remove();
	setTimeout(() => box.remove(), 9000);
	say(text);
	return box;
}

// --- words

// what a table of ours says of a word of the hub's, and nothing that every object has
const own = (table, key) => Object.hasOwn(table, key) ? table[key] : undefined;

const plural = (n, one, many) => n + " " + (n === 1 ? one : many || one + "s");
const nameOf = (r) => r.domain || r.dest;
const protocol = (n) => ({ 6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6" })[n] || String(n);

// a hub without an agent asks a shield, which allows and denies for ever, on every port
const shielded = (list) => list.every((r) => !r.guard);
const usual = (list) => shielded(list) ? "forever" : "session";

// the rule that a refusal names: what it has to do with it is in the reason
function ruleWords(r) {
	const denies = r.reason === "rule_deny" || r.reason === "name_deny";
	return !r.rule ? "" : (denies ? "Denied by the rule " : r.reason === "expired" ? "Its rule has ended: " : "The nearest rule is ") + r.rule;
}

const userOf = (uid) => uid === 0 ? "root" : "user " + uid;

function portOf(r) {
	if (!r.port && !r.proto)
		return "";
	return (r.port ? ":" + r.port : "") + "/" + protocol(r.proto);
}

function span(ms) {
	const s = Math.max(0, Math.round(ms / 1000));
	if (s < 60) return s + " s";
	if (s < 3600) return Math.floor(s / 60) + " min";
	const [part, of, unit, rest] = s < 86400 ? [3600, 60, " h", " min"] : [86400, 3600, " d", " h"];
	const more = Math.floor(s % part / of);
	return Math.floor(s / part) + unit + (more ? " " + more + rest : "");
}

function ago(ms) {
	const s = (Date.now() - ms) / 1000;
	if (s < 5) return "just now";
	if (s < 60) return Math.floor(s) + " s ago";
	if (s < 3600) return Math.floor(s / 60) + " min ago";
	if (s < 86400) return Math.floor(s / 3600) + " h ago";
	return Math.floor(s / 86400) + " d ago";
}

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
