// SPDX-License-Identifier: Apache-2.0
// alarms.js - containers without the guard they ask for, or contained: above all else, in every view, until over
"use strict";

const ALARMS_SHOWN = 8;

const alarms = new Map(); // by container, or guard

// the hub says those that stand first, also after it was away
function alarmsAwait() {
	for (const one of alarms.values())
		one.stale = true;
}

function alarmsTold() {
	for (const [container, one] of alarms)
		if (one.stale)
			alarms.delete(container);
	drawAlarms();
}

function alarmed(e) {
	const key = e.guard || e.container, name = e.name || e.container, what = e.guard ? "contained" : "without a guard";
	const on = e.type === "alarm" || e.type === "agent.contained";
	if (on)
		alarms.set(key, { name, what, container: e.container, uid: e.uid, problem: (e.guard ? e.reason + ": " : "") + e.problem });
	else if (!alarms.delete(key))
		return;
	if (ready) {
		say(name + (on ? " is " : " is no longer ") + what);
		drawAlarms();
	}
}

function alarmList(what) {
	const all = [...alarms.values()].filter((one) => one.what === what);
	const lines = all.slice(0, ALARMS_SHOWN).map((one) => h("li", {},
		h("strong", {}, one.name), " ", h("code", {}, one.container.slice(0, 12)), " of " + userOf(one.uid) + ": " + one.problem));
	if (all.length > ALARMS_SHOWN)
		lines.push(h("li", {}, "and " + plural(all.length - ALARMS_SHOWN, "container") + " more: terok-bpfd status"));
	return all.length ? [h("strong", {}, plural(all.length, "container") + " " + what), h("ul", {}, ...lines)] : [];
}

function drawAlarms() {
	const lists = [...alarmList("without a guard"), ...alarmList("contained")];
	$("alarms").replaceChildren(...(lists.length ? [icon("warn"), h("div", {}, ...lists)] : []));
	$("alarms").hidden = !lists.length;
	movedAt = performance.now(); // what is below may be elsewhere now
}
