#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_rootless.sh - a user's container (crun): found by root, refused, asked about, allowed;
# one without a cgroup of its own is refused with the way to mend it; and guarded by its user, who
# is not root
. "$(dirname "$0")/lib.sh"
enter_lab

start_server
make_image
make_user

as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
as_dev podman run -d --name mine --cgroup-parent /user-61000/task localhost/bb:latest \
	sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
# crun before 1.21 does that by itself
as_dev podman run -d --name shared --cgroups=disabled localhost/bb:latest sleep 1000 >/run/out 2>&1 ||
	fail "$(cat /run/out)"

check "load" "$BPFD" load
start_agent
start_client
walk mine as_dev podman exec mine nc -w 2 "$HOST" "$PORT"

check "attach names the user" "$BPFD" attach dev:mine
check "the owner is the user" sh -c "$BPFD status --json | grep -q 61000"
check "detach" "$BPFD" detach mine
refuse "another user has none of that name" "$BPFD" attach root:mine

refuse "a cgroup that is shared with the user's shell" "$BPFD" attach shared
grep -q -- --cgroup-parent /run/out || fail "the error does not say how to mend it: $(cat /run/out)"

# by the user, who runs it
check "its user guards it" as_dev "$BPFD" attach mine
said "attached guard"
check "as the user's container" sh -c "$BPFD status mine --json | jq -e '.guards[0] | .uid == 61000 and .kind == \"container\"'"
refuse "guarded, the server is refused" as_dev podman exec mine nc -w 2 "$HOST" "$PORT"
check "its user has it open" as_dev "$BPFD" allow mine "$HOST"
check "and the server is reached" as_dev podman exec mine nc -w 2 "$HOST" "$PORT"
check "its user ends it" as_dev "$BPFD" detach mine
check "by its short id" as_dev "$BPFD" attach "$(as_dev podman inspect -f '{{.Id}}' mine | cut -c1-12)"
check "its user ends it again" as_dev "$BPFD" detach mine
check "root guards it" "$BPFD" attach mine
refuse "its user does not end that" as_dev "$BPFD" detach mine
said "root attached this guard"
check "root ends it" "$BPFD" detach mine
refuse "a container that shares its cgroup" as_dev "$BPFD" attach shared
said "--cgroup-parent"
refuse "a container of root's, by its user's name" as_dev "$BPFD" attach root:mine
said "is another user's"
refuse "no container" as_dev "$BPFD" attach nobody
said "no running container 'nobody' of yours"
check "the user makes a cgroup" as_dev mkdir $GROUP/job
check "and guards it" as_dev "$BPFD" attach /user-61000/job
refuse "not all that was delegated" as_dev "$BPFD" attach /user-61000
refuse "nor what is above" as_dev "$BPFD" attach /
check "its guard ends" as_dev "$BPFD" detach job

stop_agent
check "unload" "$BPFD" unload
as_dev podman rm -f -t 0 -a >/dev/null
