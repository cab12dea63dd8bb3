#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_podman_kills.sh - kill -9 of terok-cp, and of the terok-agentd in a container of podman, at each step of the
# way from the start of the container to its command, and what holds once they are there again
#
#   tests/registry/test_podman_kills.sh, as root. With one podman: this is between our two programs
PODMANS=${PODMANS-machine} LAB_TIMEOUT=${LAB_TIMEOUT:-280} # dozens of containers
# shellcheck source=tests/registry/podman.bash
. "$(dirname "$0")/podman.bash"
podman network create --subnet 10.89.7.0/24 clawker-net >/dev/null
command -v strace >/dev/null || skip "strace is not installed (tools/deps --install podman)"

# Each of these calls is a step: a connection, a message, a commit, a program. Whoever makes the Nth of them is
# dead before it is made; then the next N, until all of the way is gone without.
STEPS=connect,sendto,fdatasync,clone
# dies_at N PID
TRACER=
dies_at() {
	: >$STATE/tracer
	strace -o /dev/null -e trace=$STEPS -e inject=$STEPS:signal=KILL:when="$1" -p "$2" 2>$STATE/tracer &
	TRACER=$!
	until_true grep -q attached $STATE/tracer || fail "strace does not trace: $(cat $STATE/tracer)"
}
at_the_end() { runs web && has web init.completed; }
# whole TEXT LINES: web has all that it would have if nobody had died
whole() {
	until_true has web init.completed || fail "$1: no session: $(cat $STATE/log)"
	[ "$(cat $OUT/web)" = "$2" ] || until_true runs web "$2" || fail "$1: its command: $(cat $OUT/web)"
	[ "$(rows)" = "$(id_of web) " ] || fail "$1: rows: $(rows)"
	[ "$(row_of web)" = "proj web $(thumbprint web)" ] || fail "$1: its row: $(row_of web)"
	! logged agent.untrusted || fail "$1: not trusted: $(cat $STATE/log)"
}

serve
for n in $(seq 100); do
	create web web --network clawker-net
	dies_at "$n" $SERVER
	start web
	until_true eval 'is_dead $SERVER || at_the_end' || fail "killed at call $n: $(cat $STATE/log)"
	is_dead $SERVER || break
	wait $TRACER 2>/dev/null || :
	serve
	whole "the control plane, killed at call $n" 1001
	remove web
	until_true eval '[ -z "$(rows)" ]' || fail "rows: $(rows)"
done
kill $TRACER
wait $TRACER 2>/dev/null || :
is_dead $SERVER && fail "it never came to the end"
[ "$n" -gt 8 ] || fail "only $n calls"
echo "ok a control plane that is killed before each of its $((n - 1)) calls loses nothing, and starts nothing twice"
remove web

for n in $(seq 100); do
	create web web --network clawker-net
	kill -STOP $SERVER # until its peer can be killed
	start web
	agent=$(podman inspect web --format '{{.State.Pid}}')
	dies_at "$n" "$agent"
	kill -CONT $SERVER
	until_true eval 'is_dead $agent || at_the_end' || fail "terok-agentd killed at call $n: $(cat $STATE/log)"
	is_dead "$agent" || break
	wait $TRACER 2>/dev/null || :
	until_true eval '[ "$(podman inspect web --format "{{.State.Status}}")" = exited ]' || fail "it has not ended"
	before=$(cat $OUT/web 2>/dev/null || :)
	end
	serve
	start web
	whole "terok-agentd, killed at call $n" "${before:+$before$'\n'}1001"
	remove web
	until_true eval '[ -z "$(rows)" ]' || fail "rows: $(rows)"
done
kill $TRACER
wait $TRACER 2>/dev/null || :
is_dead "$agent" && fail "it never came to the end"
[ "$n" -gt 8 ] || fail "only $n calls"
echo "ok a terok-agentd that is killed before each of its $((n - 1)) calls is there again when its container is"
remove web
