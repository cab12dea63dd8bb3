#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_serve.sh - a session's hub and helper as people run them, and scripts
#
# The programs themselves, on a folder of their own, by their verbs and under the name that
# scripts know; readers are what anybody has (nc).
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
for need in nc jq; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
[ -x "$B/terok-clearance" ] || { echo "$B/terok-clearance is not there (make)"; exit 1; }
dir=$(mktemp -d)
hub='' verdict='' bad=0
trap '[ -z "$hub$verdict" ] || kill $hub $verdict; rm -rf "$dir"' EXIT
export XDG_RUNTIME_DIR=$dir/run HOME=$dir LC_ALL=C
unset NOTIFY_SOCKET TEROK_RUN JOURNAL_STREAM XDG_STATE_HOME
mkdir -m 0700 "$XDG_RUNTIME_DIR"
ln -s "$B/terok-clearance" "$dir/terok-clearance-hub"
clearance=$B/terok-clearance socket=$XDG_RUNTIME_DIR/terok-clearance.sock
events=$XDG_RUNTIME_DIR/terok-shield-events.sock

is() {
	local name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		cat "$dir/said"
		bad=1
	fi
}
exits() { # CODE COMMAND...: it exits with that, and what it says is in $dir/out and $dir/err
	local want=$1 code
	shift
	timeout 20 "$@" >"$dir/out" 2>"$dir/err" </dev/null
	code=$?
	[ $code -eq "$want" ] || { echo "$* exits with $code"; cat "$dir/out" "$dir/err"; return 1; }
}

# --- command lines -------------------------------------------------------------------------

old_name() { exits 2 "$dir/terok-clearance-hub" && grep -q "which verb" "$dir/err" && exits 0 "$dir/terok-clearance-hub" --help && grep -q serve-verdict "$dir/out"; }
is "by its old name a verb must be given" old_name
wrong() {
	exits 2 "$clearance" serve extra && exits 2 "$clearance" serve --what && exits 2 "$clearance" serve-verdict --socket &&
		exits 2 "$clearance" serve --history-days x && exits 2 "$clearance" serve --history-size 3
}
is "a wrong command line is 2" wrong
elsewhere() { exits 1 "$clearance" serve --socket "$dir/nowhere/no/$(printf '%0200d' 0)" && [ "$(wc -l <"$dir/err")" -eq 1 ]; }
is "a place that cannot be is one line, and 1" elsewhere

# --- both of them --------------------------------------------------------------------------

# A program serves when it says where: its first line on stderr.
mkfifo "$dir/hub" "$dir/verdict"
exec 3<>"$dir/hub" 4<>"$dir/verdict"
cat >"$dir/terok-shield" <<EOT
#!/bin/sh
echo "\$*" >>$dir/shielded
[ "\$2" != bad ] || { echo no such container >&2; exit 1; }
EOT
chmod 0755 "$dir/terok-shield"
JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/3) "$dir/terok-clearance-hub" serve 2>&3 &
hub=$!
"$clearance" serve-verdict --shield "$dir/terok-shield" 2>&4 &
verdict=$!
says() { # DESCRIPTOR TEXT
	local line
	read -r -t 10 -u "$1" line && [ "$line" = "$2" ] || { echo "it says: $line"; return 1; }
}
is "the hub says where it serves, and in a journal how grave that is" \
	says 3 "<6>terok-clearance-hub: readers at $events, clients at $socket"
is "the helper says it by its name" \
	says 4 "terok-clearance-hub: verdicts at $XDG_RUNTIME_DIR/terok-clearance-verdict.sock"

reader() { printf '%s\n' "$@" | timeout 10 nc -N -U "$events"; }
blocked() { echo '{"type":"pending","container":"'"$1"'","id":"'"$2"'","dest":"198.51.100.1","port":443,"proto":6,"domain":"example.com","dossier":{"name":"box"},"ts":"2026-01-02T10:11:12.123456+00:00"}'; }
open_ids() { timeout 10 "$clearance" list --json --socket "$socket" | jq -r .request_id | tr '\n' ' '; }
listed() { reader "$(blocked c1 c1:1)" "$(blocked bad bad:1)" "$(blocked c1 c1:2)" && [ "$(open_ids)" = "c1:1 bad:1 c1:2 " ]; }
is "what a reader says is listed" listed

# as its hook runs it: root of a namespace that is this user's
mapped() {
	blocked ns ns:1 | unshare --user --map-root-user timeout 10 nc -N -U "$events" &&
		[ "$(open_ids)" = "c1:1 bad:1 c1:2 ns:1 " ] &&
		reader '{"type":"container_exited","container":"ns"}'
}
if unshare --user --map-root-user true 2>/dev/null; then
	is "a reader in a namespace of its user's is heard" mapped
else
	echo "SKIP a reader in a namespace of its user's is heard: no such namespaces here"
fi

answered() {
	exits 0 "$clearance" answer c1:1 allow --socket "$socket" &&
		grep -qx "allow c1 example.com" "$dir/shielded" && [ "$(open_ids)" = "bad:1 c1:2 " ]
}
is "an answer runs the shield, and is no longer listed" answered
failed() {
	exits 1 "$clearance" answer bad:1 deny --scope forever --socket "$socket" &&
		grep -q "no such container" "$dir/err" && [ "$(open_ids)" = "bad:1 c1:2 " ]
}
is "one that fails says why, and waits again" failed
refused() {
	exits 1 "$clearance" answer c1:2 allow --scope once --socket "$socket" &&
		grep -q "no end of their own" "$dir/err" && [ "$(open_ids)" = "bad:1 c1:2 " ]
}
is "one that no shield can give says so" refused
gone() { reader '{"type":"container_exited","container":"c1","reason":"eof"}' && [ "$(open_ids)" = "bad:1 " ]; }
is "a container that ends takes its requests along" gone

# --- what it keeps of it -------------------------------------------------------------------

journal=$dir/.local/state/terok/history.db
kept() { # FILTER: of each entry about c1, the oldest first
	timeout 10 "$clearance" export --json --socket "$socket" |
		jq -rs 'reverse | .[] | select(.container == "c1") | [.type, .request_id, .action, .client, .ok] | map(tostring) | join(" ")'
}
story='request c1:1   false
request c1:2   false
verdict c1:1 allow terok-clearance true
expired c1:2   false
guard_detached    false'
noted() { [ "$(kept)" = "$story" ] || { kept; return 1; }; }
is "who was asked, who answered, and what ended is kept" noted
shown() {
	exits 0 "$clearance" history --limit 2 --socket "$socket" && [ "$(wc -l <"$dir/out")" -eq 2 ] &&
		[ "$(timeout 10 "$clearance" history --json --socket "$socket" | jq -s 'map(select(.container == "bad" and .type == "verdict" and (.ok | not))) | length')" -eq 1 ]
}
is "history shows it, and an answer that failed as that" shown
own() { [ "$(stat -c %a "$journal" "$(dirname "$journal")" | tr '\n' ' ')" = "600 700 " ]; }
is "its file is its user's alone" own

second() {
	exits 1 "$clearance" serve && grep -q "$events already" "$dir/err" &&
		exits 1 "$clearance" serve-verdict && grep -q "verdict.sock already" "$dir/err" &&
		[ "$(open_ids)" = "bad:1 " ]
}
is "a second of either is refused, and the first goes on" second

own_hub() { # without --socket it is the user's own
	if [ "$(id -u)" -ne 0 ]; then
		[ "$(timeout 10 "$clearance" list --json | jq -r .request_id)" = bad:1 ]
	else
		exits 1 env TEROK_RUN="$dir/none" "$clearance" list
	fi
}
is "a user's hub is found without being named" own_hub

ends() { # PROCESS SIGNAL
	kill "-$2" "$1" && wait "$1"
}
is "SIGINT is an end like any other" ends $hub INT
is "and so is SIGTERM" ends $verdict TERM
hub='' verdict=''

again() { # ARGUMENT...: the hub once more; what it says is in $dir/hub.said
	: >"$dir/hub.said"
	"$clearance" serve "$@" 2>>"$dir/hub.said" &
	hub=$!
	timeout 10 sh -c 'until grep -q "readers at" "$0"; do sleep 0.05; done' "$dir/hub.said"
}
is "a hub that is started again has it still" eval 'again && noted'
is "and ends" ends $hub TERM
is "a place of its own may be given" eval 'again --history "$dir/here/h.db" && [ -f "$dir/here/h.db" ] && [ -z "$(kept)" ]'
ends $hub TERM
none() { exits 1 "$clearance" history --socket "$socket" && grep -q "keeps no history" "$dir/err"; }
is "none is none, and a client is told" eval 'again --history none && none'
ends $hub TERM
is "so is a day of none" eval 'again --history-days 0 && none'
ends $hub TERM
chmod 0777 "$dir/here"
is "one that cannot be kept is said, once, and the hub goes on" \
	eval 'again --history "$dir/here/h.db" && none && reader "$(blocked c1 c1:9)" && [ "$(open_ids)" = "c1:9 " ] && [ "$(grep -c history "$dir/hub.said")" -eq 1 ]'
ends $hub TERM
printf '%8192s' x | dd of="$journal" conv=notrunc status=none
is "a broken one is set aside, and said" \
	eval 'again && grep -q "is broken" "$dir/hub.said" && [ -f "$journal.broken-1" ] && [ -z "$(kept)" ]'
is "and a new one is begun" eval 'reader "$(blocked c1 c1:1)" && [ "$(kept)" = "request c1:1   false" ]'
ends $hub TERM

theirs() { # as one user's hub: another user reads nothing, and root all
	setpriv --reuid 4001 --regid 4001 --clear-groups env HOME="$dir/its" XDG_RUNTIME_DIR="$dir/its/run" \
		"$dir/terok-clearance" serve 2>"$dir/hub.said" &
	hub=$!
	timeout 10 sh -c 'until grep -q "readers at" "$0"; do sleep 0.05; done' "$dir/hub.said" || return 1
	local it=$dir/its/run/terok-clearance.sock
	blocked c1 c1:1 | setpriv --reuid 4001 --clear-groups timeout 10 nc -N -U "$dir/its/run/terok-shield-events.sock"
	for uid in 4001 0; do
		[ "$(timeout 10 setpriv --reuid $uid --clear-groups "$dir/terok-clearance" export --json --socket "$it" | jq -r .type)" = request ] || return 1
	done
	chmod 0755 "$dir/its" "$dir/its/run" && chmod 0666 "$it" || return 1
	exits 1 setpriv --reuid 4002 --clear-groups "$dir/terok-clearance" export --json --socket "$it" && [ ! -s "$dir/out" ] || return 1
	chmod 0700 "$dir/its/run"
	exits 1 setpriv --reuid 4002 --clear-groups cat "$dir/its/.local/state/terok/history.db"
}
if [ "$(id -u)" -eq 0 ]; then
	chmod 0755 "$dir" && install -d -m 0700 -o 4001 -g 4001 "$dir/its" "$dir/its/run"
	cp "$B/terok-clearance" "$dir/terok-clearance"
	is "another user reads nothing of it" theirs
	ends $hub TERM
else
	echo "SKIP another user reads nothing of it: not root"
fi
hub=''
empty() { [ -z "$(find "$XDG_RUNTIME_DIR" ! -type d)" ]; }
is "and nothing is left" empty
exit $bad
