#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_why.sh - what a container is told of its refusals: root's, one without a network, one on
# the host's, a user's, and one that has nothing in it but terok-why
. "$(dirname "$0")/lib.sh"
enter_lab
WHY=$B/terok-why
[ -x "$WHY" ] || fail "$WHY is not there (make)"

# exits TEXT CODE CMD...: CMD ends with that; what it prints is JSON or text of its own alone
exits() {
	local text=$1 code=$2 rc=0
	shift 2
	"$@" >/run/out 2>/run/err || rc=$?
	[ $rc = "$code" ] || fail "$text: '$*' ended with $rc, not $code: $(cat /run/out /run/err)"
	echo "ok $text"
}
# why NAME ARG...: terok-why in that container
why() { local name=$1; shift; podman exec "$name" /terok-why "$@"; }
dev_why() { local name=$1; shift; as_dev podman exec "$name" /terok-why "$@"; }

start_server
make_image
make_user
MOUNT=(-v "$WHY:/terok-why:ro")
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
mkdir /run/empty
cp "$WHY" /run/empty/terok-why
tar -C /run/empty -c terok-why | podman import -q - localhost/empty:latest >/dev/null 2>&1
box() { podman run -d --name "$@" localhost/bb:latest sleep 1000 >/dev/null; }
box web "${MOUNT[@]}"
box other "${MOUNT[@]}"
box alone --network none "${MOUNT[@]}"
box plain --network host --cgroupns private "${MOUNT[@]}"
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
as_dev podman run -d --name mine --cgroup-parent /user-61000/task "${MOUNT[@]}" \
	localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"

check "load" "$BPFD" load
start_agent
exits "in no guard nobody is there to ask" 1 why web

# tell NAME WHY...: refused, told, asked, answered; WHY... is terok-why in it
tell() {
	local name=$1 in=$2 id
	shift
	shift
	check "$name: attach" "$BPFD" attach "$name"
	exits "$name: nothing was refused" 0 "$@"
	said "nothing was refused lately"
	refuse "$name: the server is refused" $in "$name" nc -w 2 "$HOST" "$PORT"
	exits "$name: nobody is there who was asked" 3 "$@" --json "$HOST"
	jq -e ".state == \"up\" and (.refused | length == 1) and (.refused[0] | .dest == \"$HOST\"
		and .port == $PORT and .reason == \"default\" and .asked == false and .answer == \"nobody\"
		and .retry)" /run/out >/run/jq || fail "$name: $(cat /run/out)"
	id=$(jq -r '.refused[0].request_id' /run/out)
	start_client
	exits "$name: somebody is" 3 "$@" --wait 1 "$HOST"
	[ -n "$id" ] || fail "$name: it has no request id"
	check "$name: allow, by the id that it was told" answer "$id" allow
	exits "$name: it is allowed" 0 "$@" --wait 10 "$HOST"
	said "answer:  allowed"
	check "$name: a rule denies it" "$BPFD" deny "$name" "$HOST"
	exits "$name: no retry" 4 "$@" "$HOST"
	said "rule:    deny $HOST"
	exec 8<&-
	rm /run/events
	kill "$CLIENT"
	wait "$CLIENT" 2>/dev/null || true
}

inside="podman exec"
tell web "$inside" why web
tell plain "$inside" why plain
tell mine "as_dev podman exec" dev_why mine

# by any HTTP, and nothing else is at that address
http() { printf 'GET /why.json HTTP/1.0\r\n\r\n' | podman exec -i web nc -w 5 169.254.84.75 80; }
check "a program that speaks HTTP is told as well" http
said "^HTTP/1.1 200 OK"
said "Terok-Retry: no"
refuse "another port is closed" podman exec web nc -w 2 169.254.84.75 443
refuse "its neighbour is closed" podman exec web nc -w 2 169.254.84.76 80

# another container hears of itself
check "other: attach" "$BPFD" attach other
exits "other: nothing was refused, of whatever was to others" 0 why other
said "^other is up; nothing was refused lately"
exits "also where it asks for that" 0 why other "$HOST"
said "nothing of that was refused lately"

# without a network there is loopback, and nothing leaves
check "alone: attach" "$BPFD" attach alone
exits "alone: it is told" 0 why alone
check "web: block" "$BPFD" block web
refuse "web: the server is refused" podman exec web nc -w 2 "$HOST" "$PORT"
exits "blocked, it is told still" 4 why web --wait 1
said "^web is block;"
check "web: detach" "$BPFD" detach web
exits "detached, nobody is there" 1 why web

# from the first instruction, in an image of one file
make_hooks
empty() {
	podman --hooks-dir /run/hooks run --ulimit host --rm --name empty \
		--annotation terok.guard= localhost/empty:latest /terok-why "$@"
}
exits "an image of nothing but terok-why" 0 empty
said "^empty is up; nothing was refused lately"
exits "with its words for scripts" 0 empty --json 192.0.2.1
said '^{"guard":"empty","state":"up","refused":\[\]}'
exits "and for mistakes" 2 empty --what

stop_agent
exits "without an agent nobody is there" 1 why other
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
as_dev podman rm -f -t 0 -a >/dev/null
