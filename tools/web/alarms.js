// SPDX-License-Identifier: Apache-2.0
// alarms.js - containers that ask for a guard and have none: above all else, in every view, until over
"use strict";

const ALARMS_SHOWN = 8;

const alarms = new Map(); // by container

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
	const name = e.name || e.container;
	if (e.type === "alarm") {
		if (ready)
			say(name + " runs without a guard");
		alarms.set(e.container, { name, container: e.container, uid: e.uid, problem: e.problem || "", since: wall(e.boot_ns) });
	} else if (alarms.delete(e.container)) {
		say(name + " is no longer without a guard");
	}
	if (ready)
		drawAlarms();
}

function drawAlarms() {
	const all = [...alarms.values()];
	const lines = all.slice(0, ALARMS_SHOWN).map((one) => h("li", {},
		h("strong", {}, one.name), " ", h("code", {}, one.container.slice(0, 12)), " of " + userOf(one.uid) + ": " + one.problem));
	if (all.length > ALARMS_SHOWN)
		lines.push(h("li", {}, "and " + plural(all.length - ALARMS_SHOWN, "container") + " more: terok-bpfd status"));
	$("alarms").replaceChildren(...(all.length ? [icon("warn"),
		h("div", {}, h("strong", {}, plural(all.length, "container") + " without a guard"), h("ul", {}, ...lines))] : []));
	$("alarms").hidden = !all.length;
	movedAt = performance.now(); // what is below may be elsewhere now
}
