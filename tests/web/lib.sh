# SPDX-License-Identifier: Apache-2.0
# lib.sh - a hub with a pretended core, `terok-clearance web` on it, and a log that each waits for
# shellcheck shell=bash
#
# Sourced by test_web.sh and test_browser.sh. Everything is below $DIR and ends with the script.
set -u
B=${B:-build}
WEB_BIN=$B/terok-clearance HUB_BIN=$B/tests/web/hub
BAD=0
DIR=$(mktemp -d)
chmod 700 "$DIR"
pids=

stop_all() {
	for pid in $pids; do kill "$pid" 2>/dev/null; done
	exec 8>&-
	wait
	rm -rf "$DIR"
}
trap stop_all EXIT

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; shift; printf '   %.400s\n' "$@"; BAD=1; }

# await FILE PATTERN [N]: until a line (N of them) is in it; 10 seconds
await() {
	local end=$((SECONDS + 10)) n
	until n=$(grep -c -- "$2" "$1" 2>/dev/null); [ "${n:-0}" -ge "${3:-1}" ]; do
		[ $SECONDS -lt $end ] || { echo "   never in ${1##*/}: $2"; sed 's/^/      /' "$1"; return 1; }
		read -rt 0.02 <> <(:) || :
	done
}

hub_start() {
	mkfifo "$DIR/core"
	"$HUB_BIN" "$DIR/hub.sock" <"$DIR/core" >"$DIR/core.log" 2>&1 &
	HUB_PID=$!
	pids="$pids $HUB_PID"
	exec 8>"$DIR/core"
	await "$DIR/core.log" ready
}

hub_stop() { kill $HUB_PID && wait $HUB_PID 2>/dev/null; }

# core WORD FIELD...: what the core says
core() { (IFS=$'\t'; printf '%s\n' "$*" >&8); }

# web_start OPTION...: sets WEB_PID, port or socket are the caller's; the link is in $DIR/links
web_start() {
	: >"$DIR/links" >"$DIR/web.log"
	"$WEB_BIN" web --hub "$DIR/hub.sock" "$@" >"$DIR/links" 2>"$DIR/web.log" </dev/null &
	WEB_PID=$!
	pids="$pids $WEB_PID"
	await "$DIR/links" login=
}

web_stop() {
	kill "$WEB_PID" && wait "$WEB_PID"
}

# new_link: by the signal; the newest is $TOKEN
new_link() {
	local n
	n=$(grep -c login= "$DIR/links")
	kill -USR1 "$WEB_PID"
	await "$DIR/links" login= $((n + 1))
	newest_link
}

newest_link() { TOKEN=$(sed -n 's/.*#login=//p' "$DIR/links" | tail -n 1); }
