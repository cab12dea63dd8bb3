// SPDX-License-Identifier: Apache-2.0
// ask.js - the dialog: all that is known of a request, and an answer with choices
"use strict";

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
	fact(list, "Refused", own(REASONS, r.reason) || r.reason);
	fact(list, "Rule", ruleWords(r));
	fact(list, "Asked", (r.count > 1 ? r.count + " times, last " + ago(r.last) + (r.known ? ", first " + ago(r.first) : "") : "once, " + ago(r.first)));
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
	const choices = shielded(list) ? [] : [pick("scope", "For how long", SCOPES, "session")];
	asking = list;
	text($("ask-title"), one ? one.name + " asks for " + nameOf(one) : "Answer " + plural(list.length, "request"));
	$("ask-facts").replaceChildren(...(one ? factsOf(one) : factsOfAll(list)));
	if (named && !shielded(list))
		choices.push(pick("reach", "How far", [
			...(one && one.dest === one.domain ? [] : [["address", one ? "This address" : "These addresses"]]),
			["name", one ? "This name" : "These names"],
			// names below a public suffix are strangers'
			...(list.some((r) => r.shared) ? [] : [["children", "And every name below"]])], "name"));
	if (ports && !shielded(list))
		choices.push(pick("ports", "Which ports", [["same", one ? "Port " + one.port + " only" : "The same ports only"], ["any", "Any port"]], "same"));
	$("ask-choices").replaceChildren(...(list.some((r) => r.state === "open") ? choices : []));
	$("ask-deny").disabled = $("ask-allow").disabled = !list.some((r) => r.state === "open");
	askSays();
	$("ask").showModal();
	$("ask-deny").focus();
}

const picked = (name) => ($("ask-form").elements[name] || {}).value || "";

function choiceMade() {
	const scope = picked("scope") || usual(asking), choice = { scope };
	if (/^\d+$/.test(scope))
		Object.assign(choice, { scope: "time", seconds: Number(scope) });
	if (picked("reach"))
		choice.reach = picked("reach");
	if (picked("ports"))
		choice.ports = picked("ports");
	return choice;
}

// of a name its end counts
const short = (name) => name.length > 64 ? "\u2026" + name.slice(-60) : name;

function askSays() {
	const one = asking.length === 1 ? asking[0] : null, reach = picked("reach");
	const what = !one ? "these " + asking.length + " requests" + (reach === "children" ? " and every name below theirs" : "")
		: reach === "address" ? one.dest : short(nameOf(one)) + (reach === "children" ? " and every name below it" : "");
	const port = picked("ports") === "any" || shielded(asking) ? " on any port" : one && one.port ? " on port " + one.port : "";
	const scope = SCOPES.find((s) => s[0] === (picked("scope") || usual(asking)))[2];
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
