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

# the OCI hook: guarded before the first instruction, or not started at all
mkdir -p /run/hooks
# a hook does not have our environment; the folder of kept policy is the machine's own
sed "s,@SBINDIR@,$B," "$HERE/../../user/oci-hook.json" |
	jq --arg state "TEROK_STATE=$TEROK_STATE" '.hook.env = [$state]' >/run/hooks/terok-bpfd.json
hooked() { podman --hooks-dir /run/hooks run --ulimit host --rm --name hooked "$@"; }
try="nc -w 2 $HOST $PORT"
check "without the annotation nothing is guarded" hooked localhost/bb:latest sh -c "$try"
for runtime in runc crun; do
	if ! hooked --runtime $runtime localhost/bb:latest id >/run/out 2>&1; then
		echo "SKIP hook_with_$runtime: it starts no container here: $(tail -n 1 /run/out)"
		continue
	fi
	check "$runtime: in state down its first instruction passes" \
		hooked --runtime $runtime --annotation terok.guard=down localhost/bb:latest sh -c "$try"
	refuse "$runtime: in state up it is refused" \
		hooked --runtime $runtime --annotation terok.guard= localhost/bb:latest sh -c "$try"
done
# its profiles: those it names, else the default's
mkdir -p /etc/terok/profiles
echo "$HOST:$PORT/tcp" >/etc/terok/profiles/server.txt
echo "$HOST server.example" >>/etc/hosts
echo "server.example" >/etc/terok/profiles/named.txt
for profiles in server nothing:server named; do
	echo "# nothing" >/etc/terok/profiles/nothing.txt
	check "a first instruction has what profiles $profiles allow" \
		hooked --annotation terok.guard= --annotation "terok.profiles=$profiles" localhost/bb:latest sh -c "$try"
done
echo server >/etc/terok/default-profiles
check "without a word it has the default's" hooked --annotation terok.guard= localhost/bb:latest sh -c "$try"
refuse "with none it has nothing" \
	hooked --annotation terok.guard= --annotation terok.profiles=none localhost/bb:latest sh -c "$try"
rm /etc/terok/default-profiles
refuse "a profile that is none keeps it from starting" \
	hooked --annotation terok.guard= --annotation terok.profiles=nowhere localhost/bb:latest true
grep -q "no profile 'nowhere'" /run/out || fail "the error does not say so: $(cat /run/out)"
podman rm -f -t 0 hooked >/dev/null 2>&1 || true
check "what was done is in its folder" grep -q '"action":"setup"' "$TEROK_STATE/containers/hooked/audit.jsonl"
refuse "an annotation that is no state keeps it from starting" \
	hooked --annotation terok.guard=open localhost/bb:latest id
grep -q "'open' is none of" /run/out || fail "the error does not say so: $(cat /run/out)"
podman rm -f -t 0 hooked >/dev/null 2>&1 || true
printf '#!/bin/sh\nTEROK_PINS=/nowhere/at/all exec %s "$@"\n' "$BPFD" >/run/hooks/broken
chmod 755 /run/hooks/broken
sed -i "s,$B/terok-bpfd,/run/hooks/broken," /run/hooks/terok-bpfd.json
refuse "if the guard cannot be made it is not started" \
	hooked --annotation terok.guard= localhost/bb:latest id
podman rm -f -t 0 hooked >/dev/null 2>&1 || true

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
