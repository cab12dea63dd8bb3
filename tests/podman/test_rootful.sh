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

# stopped and started again, it finds its policy; detached, it has none
check "attach" "$BPFD" attach web
check "allow is kept" "$BPFD" allow web "$HOST" --port "$PORT" --proto tcp
check "the server is reached" podman exec web nc -w 2 "$HOST" "$PORT"
podman stop -t 0 web >/dev/null
wait_event "the end of the guard is told" '.type == "guard_detached"'
podman start web >/dev/null
check "attach again" "$BPFD" attach web
check "what was allowed is allowed" podman exec web nc -w 2 "$HOST" "$PORT"
check "detach" "$BPFD" detach web
check "attach once more" "$BPFD" attach web
refuse "nothing is left of it" podman exec web nc -w 2 "$HOST" "$PORT"
check "detach" "$BPFD" detach web

# inbound: podman's published port goes on being one, any other is closed to the outside
podman run -d --name serve -p 8080:8080 localhost/bb:latest \
	sh -c 'nc -ll -p 8081 -e /bin/id & exec nc -ll -p 8080 -e /bin/id' >/dev/null
inside=$(podman inspect -f '{{.NetworkSettings.IPAddress}}' serve)
from_srv() { nsenter --net=/run/netns/srv busybox nc -w 2 198.51.100.1 8080 </dev/null | grep uid=; }
from_host() { busybox nc -w 2 "$inside" "$1" </dev/null | grep uid=; }
until from_srv >/dev/null && from_host 8081 >/dev/null; do sleep 0.05; done
check "attach publishes what podman does" "$BPFD" attach serve
check "the published port answers the outside" from_srv
check "rules show it" sh -c "'$BPFD' rules serve | grep -q 'published  port 8080  tcp'"
refuse "the other port does not" from_host 8081
check "publish opens it" "$BPFD" publish serve 8081
check "now it answers" from_host 8081
check "published no longer" "$BPFD" publish serve 8080 --remove
refuse "it is closed" from_srv
check "detach" "$BPFD" detach serve

# a stopped container takes its guard along
check "attach" "$BPFD" attach web
podman kill web >/dev/null
wait_event "the end of the guard is told" '.type == "guard_detached"'
stop_agent
check "unload" "$BPFD" unload
[ ! -e $TEROK_PINS/v1 ] || fail "pins are left: $(find $TEROK_PINS)"
podman rm -f -t 0 -a >/dev/null
