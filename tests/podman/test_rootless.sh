#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_rootless.sh - a user's container (crun): found by root, refused, asked about, allowed;
# one without a cgroup of its own is refused with the way to mend it
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

stop_agent
check "unload" "$BPFD" unload
as_dev podman rm -f -t 0 -a >/dev/null
