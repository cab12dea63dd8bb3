#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guest.sh - what test_machine.sh has done in the machine: the installed agent as a service,
# root's containers and a user's as systemd places them, refused, asked about, allowed, from
# the first instruction and over restarts of the agent
. /machine/tests/podman/lib.sh
. /machine/tests/machine/guest_lib.sh

guest_begins
start_client
try=(nc -w 2 "$HOST" "$PORT")

# asked TEXT: whoever may answer is asked for the server by the container "box"
asked() {
	wait_event "$1" ".type == \"request\" and .dest == \"$HOST\" and .port == $PORT and .name == \"box\""
}
hooked() { [ -e /etc/containers/oci/hooks.d/terok-createRuntime.json ]; }
for name in crun runc; do
	box() { podman --runtime $name run --rm --name box "$@" localhost/bb:latest "${try[@]}"; }
	check "$name: without the annotation it passes" box
	hooked || { echo "SKIP first_instruction_with_$name: there is no hook"; continue; }
	refuse "$name: its first instruction is refused" box --annotation terok.guard=up
	asked "$name: and asked about"
	podman rm -f -t 0 box >/dev/null 2>&1 || true
	refuse "$name: with means to leave it is not started" box --cap-add NET_ADMIN --annotation terok.guard=up
	said "it has CAP_NET_ADMIN: start it"
	podman rm -f -t 0 box >/dev/null 2>&1 || true
	check "$name: and the journal has the reason" in_journal "it has CAP_NET_ADMIN: start it"
done

# with limits that a machine needs all controllers for
podman --runtime crun run -d --name box --memory 64m --pids-limit 50 --annotation terok.guard=up \
	localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
id=$(podman inspect -f '{{.Id}}' box)
hooked || check "attach" "$BPFD" attach box
check "the guard is on its scope, which has all of it" "$BPFD" explain "/machine.slice/libpod-$id.scope" "$HOST"
said "would be refused"
refuse "a process by exec is refused" podman exec box "${try[@]}"
asked "and asked about"
check "allow is taken" answer "$(jq -r .request_id <<<"$EVENT")" allow
check "it is in force at once" podman exec box "${try[@]}"
check "the agent is begun again" systemctl restart terok-bpfd
check "what was allowed is" podman exec box "${try[@]}"
refuse "what was not is not" podman exec box nc -w 2 "$HOST" 4434
podman rm -f -t 0 box >/dev/null

# a user's, whose cgroups his own systemd makes
as_dev podman run -d --name mine localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
walk mine as_dev podman exec mine "${try[@]}"

# what systemd has delegated to the user is his to guard, but for the whole of it
dev=$(id -u dev)
home=/user.slice/user-$dev.slice/user@$dev.service
check "the user has a service" systemd-run --user --machine=dev@.host --quiet --unit job sleep 1000
job=$(systemctl --user --machine=dev@.host show -P ControlGroup job.service)
check "he guards it" as_dev "$BPFD" attach "$job" --name job
said "attached guard"
check "and sees it" as_dev "$BPFD" status job
for other in "$home" "/user.slice/user-$dev.slice" /system.slice/terok-bpfd.service "/machine.slice"; do
	refuse "but not $other" as_dev "$BPFD" attach "$other"
done
check "he ends it" as_dev "$BPFD" detach job
check "he guards his container" as_dev "$BPFD" attach mine
refuse "which is refused" as_dev podman exec mine "${try[@]}"
check "he ends that" as_dev "$BPFD" detach mine

# killed, it is begun again by systemd; meanwhile the kernel decides
check "attach" "$BPFD" attach dev:mine
old=$(systemctl show -P MainPID terok-bpfd)
kill -9 "$old"
refuse "without the agent it is refused" as_dev podman exec mine "${try[@]}"
until new=$(systemctl show -P MainPID terok-bpfd) && [ "$new" != 0 ] && [ "$new" != "$old" ]; do
	sleep 0.1
done
until systemctl -q is-active terok-bpfd; do sleep 0.1; done # it is when it serves
echo "ok the agent is there again"
check "the journal has what the agent said" in_journal "adopted what was at"

guest_ends
