#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_cycles.sh - containers that start and stop, again and again, and whose first act is to
# connect: none ever gets through, nothing of them stays, and an agent that is killed on the way
# opens nothing
. "$(dirname "$0")/lib.sh"
LAB_TIMEOUT=${LAB_TIMEOUT:-200}
enter_lab

# the whole number once; another podman starts containers in the same way
CYCLES=${CYCLES:-$(podman_is 5 && echo 20 || echo 100)}
KILLS=${KILLS:-20}

# a server that notes who comes
start_server
COUNTED=4434
nsenter --net=/run/netns/srv socat -u TCP-LISTEN:$COUNTED,reuseaddr,fork OPEN:/run/came,creat,append &
: >/run/came
come() { wc -c </run/came; } # each says one byte
first_act="printf x | nc -w 1 $HOST $COUNTED"

make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
make_user
as_dev podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
make_hooks
mkdir -p /etc/terok/profiles
echo 192.0.2.1 >/etc/terok/profiles/dev-standard.txt
start_agent

# run_again: an agent in the place of one that was killed
run_again() {
	rm -f /run/ready
	mkfifo /run/ready
	"$BPFD" run --ready-fd=9 9>/run/ready 2>>/run/agent.log &
	AGENT=$!
	read -r -n 1 -t 20 <>/run/ready || fail "the agent did not get ready again"
}

root_podman() { podman --hooks-dir /run/hooks --runtime "$(runtime runc)" "$@"; }
dev_podman() { as_dev podman --hooks-dir /run/hooks "$@"; }

# make PODMAN NAME ARG...: a container whose first act is to connect
make() {
	local podman=$1 name=$2
	shift 2
	$podman create --name "$name" "$@" localhost/bb:latest sh -c "$first_act && echo through" >/dev/null
}

# left: what is there of guards and of their containers' cgroups
left() {
	"$BPFD" status --json | jq '.guards | length'
	# a directory that is just going may go while find looks
	find /sys/fs/cgroup -type d -name '*libpod-[0-9a-f]*' ! -name '*conmon*' 2>/dev/null | wc -l
}

# await_none TEXT: all of that has gone
await_none() {
	for _ in $(seq 100); do
		[ "$(left | paste -sd' ')" != "0 0" ] || { echo "ok $1"; return 0; }
		sleep 0.05
	done
	fail "$1: $(left | paste -sd' '): $("$BPFD" status)"
}

# cycle PODMAN NAME N: start it N times; a word for each that ran and was refused
cycle() {
	for _ in $(seq "$3"); do
		$1 start -a "$2" 2>&1 || true
	done | grep -c 'No route to host\|EHOSTUNREACH'
}

# the control: they would get through
make root_podman bare --network host
make dev_podman bare --cgroup-parent /user-61000/task
for podman in root_podman dev_podman; do
	check "$podman: the control: without the annotation it gets through" $podman start -a bare
	said through
done
before=$(come)
[ "$before" -ge 2 ] || fail "the server counts $before, not 2"
root_podman rm -f bare >/dev/null
dev_podman rm -f bare >/dev/null

half=$((CYCLES / 2))
make root_podman one --network host --annotation terok.guard=
make root_podman two --annotation terok.guard=
make dev_podman one --cgroup-parent /user-61000/task --annotation terok.guard=
make dev_podman two --cgroup-parent /user-61000/task --network none --annotation terok.guard=
# what is opened for the first one stays open
cycle root_podman one 1 >/dev/null
cycle dev_podman one 1 >/dev/null
await_none "the first of each"
descriptors=$(find /proc/"$AGENT"/fd | wc -l)
maps() { for m in info rules prefix self publish domains dossier names; do
	echo "$m $(bpftool -j map dump pinned $TEROK_PINS/v1/maps/terok_$m 2>/dev/null | jq length 2>/dev/null)"; done; }
maps >/run/maps.before

cycle root_podman one $half >/run/n1 &
a=$!
cycle root_podman two $half >/run/n2 &
wait $a $!
[ "$(cat /run/n1)" = $half ] || fail "rootful, host network: $(cat /run/n1) of $half ran and were refused"
[ "$(cat /run/n2)" = $half ] || fail "rootful, bridge: $(cat /run/n2) of $half ran and were refused"
echo "ok rootful: $CYCLES starts, each refused in its first act"
n=$(cycle dev_podman one "$CYCLES")
[ "$n" = "$CYCLES" ] || fail "rootless: $n of $CYCLES ran and were refused"
echo "ok rootless: $CYCLES starts, each refused in its first act"
check "of none the server has heard" [ "$(come)" = "$before" ]
await_none "no guard and no cgroup is left"
check "nor a descriptor of the agent's" [ "$(find /proc/"$AGENT"/fd | wc -l)" -le "$descriptors" ]
maps >/run/maps.after
check "nor anything in the kernel's tables" diff /run/maps.before /run/maps.after

# the agent dies somewhere on the way of a start: the container is refused, or guarded
for i in $(seq "$KILLS"); do
	podman=root_podman
	[ $((i % 2)) = 0 ] || podman=dev_podman
	$podman start -a one >/run/killed.$((i % 2)) 2>&1 &
	start=$!
	sleep "0.$(printf %03d $((RANDOM % 400)))"
	kill -KILL "$AGENT"
	wait "$AGENT" 2>/dev/null || true
	[ $((i % 4)) -lt 2 ] || sleep 0.2
	run_again
	wait $start || true
done
check "$KILLS agents were killed on the way: of none the server has heard" [ "$(come)" = "$before" ]
await_none "and the next agent leaves nothing behind"
check "the control: a start is refused in its first act" [ "$(cycle root_podman one 1)" = 1 ]
maps >/run/maps.after
await_none "and it goes"

stop_agent
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
as_dev podman rm -f -t 0 -a >/dev/null
