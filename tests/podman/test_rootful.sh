#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_rootful.sh - root's container (runc, cgroupfs): found, refused, asked about, allowed
. "$(dirname "$0")/lib.sh"
enter_lab

start_server
make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
podman run -d --name web localhost/bb:latest sleep 1000 >/run/id
podman run -d --name other localhost/bb:latest sleep 1000 >/dev/null
podman create --name asleep localhost/bb:latest sleep 1000 >/dev/null
id=$(cat /run/id)

check "load" "$BPFD" load
start_agent
start_client
walk web podman exec web nc -w 2 "$HOST" "$PORT"

# by id, and by its first 12 digits; another container is not guarded by it
check "attach finds it by its first digits" "$BPFD" attach "${id:0:12}"
refuse "guarded, the server is refused" podman exec web nc -w 2 "$HOST" "$PORT"
check "another container is not touched" podman exec other nc -w 2 "$HOST" "$PORT"
check "attach finds it by its whole id, again" "$BPFD" attach "$id"
check "detach" "$BPFD" detach "$id"

refuse "a container that does not exist" "$BPFD" attach nobody
grep -q nobody /run/out || fail "the error does not name it: $(cat /run/out)"
refuse "a container that does not run" "$BPFD" attach asleep
grep -q 'does not run' /run/out || fail "the error does not say so: $(cat /run/out)"

# a stopped container takes its guard along
check "attach" "$BPFD" attach web
podman kill web >/dev/null
wait_event "the end of the guard is told" '.type == "guard_detached"'
stop_agent
check "unload" "$BPFD" unload
[ ! -e $TEROK_PINS/v1 ] || fail "pins are left: $(find $TEROK_PINS)"
podman rm -f -t 0 -a >/dev/null
