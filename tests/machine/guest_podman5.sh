#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest_podman5.sh - what test_podman5.sh has done in the machine: root's containers and a user's as both of
# podman's managers of cgroups make them, where all controllers are there: guarded from the first instruction, on
# the cgroup where such a container is, by exec, in a pod, and over podman restart and a restart of the agent
#
# Each way to start one is in tests/podman/test_modes_systemd.sh, which is faster.
. /machine/tests/podman/lib.sh
. /machine/tests/machine/guest_lib.sh
. /machine/tests/podman/modes.sh
HOOKS=/etc/containers/oci/hooks.d
OWN=/user.slice/user-61000.slice/user@61000.service # what systemd left to that user

# below WHO: where the cgroup of a guarded container of theirs is
below() {
	case $1/$MANAGER in
	root/systemd) echo /machine.slice/libpod- ;;
	root/*) echo /libpod_parent/libpod- ;;
	*/systemd) echo $OWN/user.slice/libpod- ;;
	*) echo $OWN/boxes/libpod- ;;
	esac
}
in_place() { # WHO NAME
	local path
	path=$("$BPFD" status --json | jq -r --arg name "$2" '.guards[] | select(.name == $name) | .cgroup')
	echo "$path"
	[[ $path = "$(below "$1")"* ]]
}
came() { # FILE-OR-WORD WANT: for check
	echo "$1, not $2"
	[ "$1" = "$2" ]
}
owner() { if [ "$1" = root ]; then "${@:2}"; else as_dev "${@:2}"; fi; }

# begins WHO: a container "box"
begins() {
	local who=$1
	AS="$1, $MANAGER"
	PLACE=()
	[ "$who/$MANAGER" != user/cgroupfs ] || PLACE=(--cgroup-parent "$OWN/boxes")
	attempt /run/first "$who" run --rm --annotation terok.guard=up "${PLACE[@]}" localhost/bb:latest sh -c "$FIRST"
	check "$AS: its first instruction is refused" came "$(came_of /run/first)" guarded
	other "$who" box --annotation terok.guard=up --memory 64m --pids-limit 50 "${PLACE[@]}"
	check "$AS: the guard is where the container is" in_place "$who" box
}
ends() { run_as "$1" rm -f -t 0 box >/dev/null; }

# lives WHO: what comes after; the box ends
lives() {
	local who=$1
	check "$AS: podman exec is refused" came "$(tried "$who" box)" guarded
	check "$AS: whose it is allows" owner "$who" "$BPFD" allow box "$HOST" --port "$PORT"
	check "$AS: podman restart" run_as "$who" restart -t 0 box
	check "$AS: what was allowed is" came "$(tried "$who" box)" reached
	refuse "$AS: what was not is not" run_as "$who" exec box nc -w 2 "$HOST" 4434
	said "No route to host"
	ends "$who"
	pod_of "$who" "${PLACE[@]}" >/run/out 2>&1 || fail "$AS: no pod: $(cat /run/out)"
	attempt /run/first "$who" run --rm --pod pod --annotation terok.guard=up localhost/bb:latest sh -c "$FIRST"
	check "$AS: in a pod as well" came "$(came_of /run/first)" guarded
	run_as "$who" pod rm -f -t 0 pod >/run/out 2>&1 || fail "$AS: the pod stays: $(cat /run/out)"
}

NAME_OF=crun RUNTIME=$(command -v crun)
guest_begins
for who in root user; do
	MANAGER=cgroupfs
	begins $who
	ends $who
	MANAGER=systemd
	begins $who
	check "$AS: the agent is begun again" systemctl restart terok-bpfd
	lives $who
done
await_guards 0 "no guard is left"
guest_ends
