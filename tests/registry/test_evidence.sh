#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_evidence.sh - terok-cp serve beside an agent: who has a container's address and is another is found out
#
# In a throw-away host. A box is what a container is to both: a process in a cgroup and in a network
# of its own, of which the agent is told as the OCI hook does, and a played podman the control plane.
set -u
dir='' cp='' here='' log='' agent_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
if [ -z "${IN_LAB-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "SKIP: needs root"; exit 77; }
	exec env IN_LAB=1 B="$B" "$(dirname "$0")/../lab/inlab.sh" timeout 200 bash "$0"
fi
. "$(dirname "$0")/serve.bash"
export TEROK_PINS=/sys/fs/bpf/terok TEROK_RUN=/run/terok TEROK_STATE=/run/terok-state
declare -A PID
denied="PERMISSION_DENIED registration rejected"
one=$(printf '1%.0s' {1..64}) two=$(printf '2%.0s' {1..64}) bare=$(printf '3%.0s' {1..64}) beside=$(printf '4%.0s' {1..64})

agent_start() {
	"$B/terok-bpfd" run 2>>"$dir/agent.log" &
	agent=$!
	others=("$agent" "${boxes[@]}")
	for ((i = 0; i < 500; i++)); do
		[ ! -S /run/terok/control.sock ] || return 0
		sleep 0.02
	done
	echo "not ok the agent runs"
	sed 's/^/    /' "$dir/agent.log"
	exit 1
}
agent_kill() { kill -KILL "$agent" && wait "$agent" 2>/dev/null; others=("${boxes[@]}") && rm -f /run/terok/control.sock; }

network() { # network NET: the host is at 10.NET.0.1 there, and who is in it at 10.NET.0.2
	ip netns add "$1"
	ip link add "v$1" type veth peer name eth0 netns "$1"
	ip addr add "10.$1.0.1/24" dev "v$1" && ip link set "v$1" up
	ip -n "$1" addr add "10.$1.0.2/24" dev eth0 && ip -n "$1" link set eth0 up && ip -n "$1" link set lo up
}
box() { # box NET ID
	local cgroup=/sys/fs/cgroup/lab/libpod-$2
	mkdir -p "$cgroup"
	(echo "$BASHPID" >"$cgroup/cgroup.procs" && exec nsenter --net="/run/netns/$1" sleep 1000) &
	PID[$2]=$!
	boxes+=("$!")
	others+=("$!")
	until grep -q . "$cgroup/cgroup.procs" && [ "$(readlink "/proc/${PID[$2]}/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
}
guard() { # guard ID: as the OCI hook asks for it; it reaches the control plane
	timeout 20 /usr/bin/python3 "$here/attach_box.py" "$1" "${PID[$1]}" || exit 1
	"$B/terok-bpfd" allow "$1" 10.0.0.0/8 >"$dir/out" 2>&1 || { cat "$dir/out"; exit 1; }
}
# by WITHIN NET BUNDLE AGENT: Register, of a process in the cgroup of that box (-: in none) and in that network
by() {
	local cgroup=/sys/fs/cgroup/lab/libpod-$1
	(
		[ "$1" = - ] || echo "$BASHPID" >"$cgroup/cgroup.procs"
		CP_HOST=10.$2.0.1 exec nsenter --net="/run/netns/$2" timeout 60 \
			/usr/bin/python3 "$here/cp_client.py" register "$dir/$3" "${PORT:-$agent_port}" "$4" proj
	)
}

boxes=()
agent_start
for n in 71 72 73; do network $n; done
box 71 "$one"
box 72 "$two"
box 73 "$bare"
box 73 "$beside"
for id in "$one" "$two" "$beside"; do guard "$id"; done
"$cp" pki init >/dev/null
issue one "$one" dev proj
issue bare "$bare" bare proj
there "$one dev proj 10.71.0.2" "$bare bare proj 10.73.0.2"

# What a lie is worth where the kernel is not asked.
serve --agent-bind 0.0.0.0 --guard off
is "without the kernel who has an address is believed" same "$(by "$two" 71 one dev)" "OK 0"
stop

serve --agent-bind 0.0.0.0
is "a container in its guard is who it is" same "$(by "$one" 71 one dev)" "OK 0"
is "another guard's process in its network is not" same "$(by "$two" 71 one dev)" "$denied"
is "its event" logged agent_identity_evidence_mismatch
is "and whose it is" grep -q "event=peer_evidence_other container=$one socket_of=$two" "$log"
: >"$log"
is "nor is a process of no guard" same "$(by - 71 one dev)" "$denied"
is "its event" logged agent_identity_evidence_mismatch
is "and that it is nobody's" grep -q "event=peer_evidence_other container=$one socket_of=-" "$log"
is "a container that has no guard is who podman says" same "$(by "$bare" 73 bare bare)" "OK 0"
: >"$log"
is "but not a guard that shares its network" same "$(by "$beside" 73 bare bare)" "$denied"
is "its event" logged agent_identity_evidence_mismatch
if command -v nft >/dev/null && nft add table ip nat 2>/dev/null &&
	nft 'add chain ip nat pre { type nat hook prerouting priority -100; }; add rule ip nat pre tcp dport 4711 redirect to :'"$agent_port" 2>/dev/null; then
	is "a port that leads to ours is known by what it was" same "$(PORT=4711 by "$one" 71 one dev)" "OK 0"
	is "also to one who lies" same "$(PORT=4711 by "$two" 71 one dev)" "$denied"
else
	echo "SKIP a port that leads to another: no nft, or a kernel without NAT"
fi

# --- the agent is away
agent_kill
(sleep 1 && exec "$B/terok-bpfd" run 2>>"$dir/agent.log") &
agent=$!
others+=("$agent")
is "an agent that was killed is waited for" same "$(by "$one" 71 one dev)" "OK 0"
agent_kill
: >"$log"
is "and without it nobody is let in past it" same "$(by "$one" 71 one dev)" "$denied"
is "its event" logged agent_identity_evidence_error
is "who has no guard neither" same "$(by "$bare" 73 bare bare)" "$denied"
stop
serve --agent-bind 0.0.0.0
is "nor after a new start: the agent has been here" same "$(by "$one" 71 one dev)" "$denied"
stop

# --- guards that have to be
serve --agent-bind 0.0.0.0 --guard require
is "where guards are required one without is nobody, and without an agent all are" same "$(by "$one" 71 one dev)" "$denied"
agent_start
is "with one that is back who is in a guard comes in" same "$(by "$one" 71 one dev)" "OK 0"
: >"$log"
is "who is in none does not" same "$(by "$bare" 73 bare bare)" "$denied"
is "its event" logged agent_identity_evidence_no_guard
stop
is "there is no fourth way" same "$("$cp" serve --guard sometimes 2>&1 | grep -c "not 'sometimes'")" 1
exit $bad
