// SPDX-License-Identifier: Apache-2.0
// app.js - the frame: views, login, keys of the page; the last script, which starts
"use strict";

let view = "requests", loggedIn = false;

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
	dirty = true;
	load();
}

function showApp() {
	loggedIn = true;
	$("app").hidden = false;
	$("login").hidden = true;
	draw();
}

// nothing of what was seen is left to whoever comes next
function forget() {
	requests.clear();
	guards.clear();
	alarms.clear();
	drawAlarms();
	rows.clear();
	grants = null;
	asking = [];
	history_ = [];
	if ($("ask").open)
		$("ask").close();
	for (const id of ["view-requests", "view-grants", "view-history", "ask-title", "ask-facts", "ask-choices", "ask-says", "toasts", "says"])
		$(id).replaceChildren();
	$("filter").value = filter = "";
	notice("");
}

function showLogin(why, bad) {
	if (stream)
		stream.abort();
	stream = null;
	loggedIn = false;
	secret = "";
	localStorage.removeItem(KEY);
	forget();
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
	redraw();
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
setInterval(() => { if (!document.hidden) redraw(); }, 5000);
start();
