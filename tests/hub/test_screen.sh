#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_screen.sh - a person at terok-clearance, a real agent, and a guarded container's curl
#
# The terminal is tmux's, 80 by 24. Whoever is refused, and passes when a key was pressed, is a
# real program in a guard; who else answers is a second terok-clearance.
. "$(dirname "$0")/../names/lib.sh"
enter_lab tmux
failures=0

screen() { TMUX='' timeout 20 tmux -S /run/tmux -f /dev/null "$@"; }
keys() { screen send-keys -t 0 "$@"; }
shown() { screen capture-pane -p -t 0; }
shows() { shown | grep -qF -- "$1"; }
gone() { ! shows "$1"; }
# curl's exit code for a web server of that name
passes() { inside curl -s -m 2 -o /run/page "http://$1/" && grep -q here /run/page; }

# sees WHAT TEXT: it comes to the screen
sees() {
	for _ in $(seq 200); do
		! shows "$2" || { ok "$1"; return 0; }
		sleep 0.05
	done
	not_ok "$1" "no '$2' in:
$(shown)"
}
sees_no() {
	for _ in $(seq 200); do
		! gone "$2" || { ok "$1"; return 0; }
		sleep 0.05
	done
	not_ok "$1" "still '$2' in:
$(shown)"
}
does() { if "${@:2}"; then ok "$1"; else not_ok "$1" "$(shown)"; fi; }
does_not() { if "${@:2}"; then not_ok "$1" "$(shown)"; else ok "$1"; fi; }

make_net
for n in one.example.com two.example.com three.example.net four.example.org; do
	echo "$n A 60 198.51.100.7"
done >/run/zone
start_server
start_agent --upstream $NS
"$BPFD" attach $BOX --name web >/dev/null

screen new-session -d -x 80 -y 24 "sh -c '$B/terok-clearance; echo ended \$?; exec sleep 200'"
sees "an empty screen says so" "Nothing waits for an answer."

does_not "a name that nobody allowed is refused" passes one.example.com
sees "the name is on the screen" "one.example.com"
does_not "and so is another of its owner" passes two.example.com
sees "names of one owner stand together" "- example.com"
keys g n a
sees "a second key says for how long" "o once"
keys c
sees "the answer is seen" "allowed one.example.com"
does "what was allowed passes" passes one.example.com
does_not "and nothing else" passes two.example.com
keys Enter
sees "Enter denies what is marked" "denied  two.example.com"
does_not "what was denied is refused" passes two.example.com

does_not "a third name is refused" passes three.example.net
sees "it is on the screen" "open    three.example.net"
id=$("$B/terok-clearance" list | awk '/three.example.net/ { print $1 }')
"$B/terok-clearance" allow "$id" --for 10m >/run/out
sees "what somebody else answered is seen" "allowed three.example.net"
sees "and for how long, by which program" "9m  terok-clearance"
does "it passes" passes three.example.net

keys 2
sees "answers that hold are a view" "three.example.net"
sees "with what is left of their time" " 9m"
keys /
keys -l one.exa
keys Enter x
sees "a grant is revoked after a question" "Revoke: allow one.example.com for web"
keys Enter
sees_no "then it is gone" "allow  one.example.com"
keys Escape
does_not "what was revoked is refused again" passes one.example.com
keys 3
sees "history has it" "revoked   one.example.com"
sees "and who answered" "by uid 0"

keys 1
does_not "a fourth name is refused" passes four.example.org
sees "it waits" "open    four.example.org"
kill -9 $AGENT
wait $AGENT 2>/run/out || :
sees "an agent that is gone is seen" "NO HUB"
start_agent --upstream $NS
sees_no "and so is that it is back" "NO HUB"
does_not "it is refused again" passes four.example.org
sees "and asked again" "open    four.example.org"
"$BPFD" detach web >/dev/null
sees "what ends with its guard is gone" "gone    four.example.org"
keys q
sees "leaving leaves the terminal as it was" "ended 0"
exit $((failures > 0))
