#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_gate.sh - the gate's listener in a container is that container's: it reaches the project that
# its dossier names, there alone, and comes and goes with it; rootful and a user's
. "$(dirname "$0")/lib.sh"
command -v git >/dev/null || skip "git is not installed (tools/deps --install gate)"
export TEROK_USER_RUN=/run/user # users of the lab have the hub there
enter_lab
GATE=$B/terok-gate
[ -x "$GATE" ] || fail "$GATE is not there (make)"

make_image
make_user
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
as_dev podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
make_hooks
mkdir -p /etc/terok/profiles
echo "# nothing" >/etc/terok/profiles/dev-standard.txt
start_agent
ip link set lo up

as_root() { env HOME=/run/home "$@"; }
declare -A base=([root]=/run/gate [dev]=/home/dev/gate) gate=()

# two projects with a branch each, and a token of each
mirrors() {
	local who=$1 p
	for p in alpha beta; do
		as_"$who" git init -q --bare -b main "${base[$who]}/$p.git"
		as_"$who" git clone -q "${base[$who]}/$p.git" "${base[$who]}.$p" 2>/dev/null
		as_"$who" sh -c "cd ${base[$who]}.$p && echo $p >of && git add of && git -c user.name=a -c user.email=a@example.org commit -qm one && git push -q origin HEAD:main"
		token[$who.$p]=$(as_"$who" "$GATE" token create $p task --token-file "${base[$who]}/tokens.json" 2>/run/out) ||
			fail "token: $(cat /run/out)"
		token[$who.$p]=$(grep -o 'terok-g-[0-9a-f]*' <<<"${token[$who.$p]}")
	done
}
declare -A token=()

# serve WHO: its gate at no port of the host; ready when this returns
serve() {
	local who=$1
	: >"/run/$who.log"
	chmod 666 "/run/$who.log"
	as_"$who" env TEROK_RUN=$TEROK_RUN "$GATE" serve --base-path "${base[$who]}" \
		--token-file "${base[$who]}/tokens.json" --port 0 --socket-path "${base[$who]}/own/gate.sock" \
		2>>"/run/$who.log" &
	gate[$who]=$!
	heard "$who" "serves ${base[$who]}"
}
# heard WHO TEXT: its gate says so, within 10 s
heard() {
	for _ in $(seq 200); do
		! grep -q -- "$2" "/run/$1.log" || return 0
		sleep 0.05
	done
	fail "$1: the gate did not say '$2': $(cat "/run/$1.log")"
}
# start WHO NAME [FLAG...]: a guarded container
start() {
	local who=$1 name=$2 parent=()
	shift 2
	[ "$who" = root ] || parent=(--cgroup-parent /user-61000/task)
	check "$who: $name starts guarded" as_"$who" podman --hooks-dir /run/hooks run -d --name "$name" \
		"${parent[@]}" --ulimit host --annotation terok.guard= "$@" localhost/bb:latest sleep 1000
}
# get WHO NAME TOKEN PROJECT: from within, as the container's own process (a static wget cannot)
get() {
	local asks
	asks="GET /$4.git/info/refs?service=git-upload-pack HTTP/1.0\r\nAuthorization: Basic $(printf %s: "$3" | base64 -w 0)\r\n\r\n"
	# what it says does not end before it is answered
	as_"$1" podman exec "$2" sh -c "busybox rm -f /says; busybox mkfifo /says; exec 3<>/says
		busybox printf '$asks' >&3; nc -w 5 127.0.0.1 9418 <&3" >/run/got 2>&1
	grep -aq "200 OK" /run/got && grep -aq git-upload-pack /run/got || { cat -v /run/got; return 1; }
}
# clone WHO NAME TOKEN PROJECT: real git, in its network
clone() {
	rm -rf /run/clone
	nsenter -n -t "$(as_"$1" podman inspect "$2" --format '{{.State.Pid}}')" \
		git clone -q "http://$3@127.0.0.1:9418/$4.git" /run/clone
	grep -q "$4" /run/clone/of
}

for who in root dev; do
	mirrors $who
	start $who a --annotation dossier.project=alpha
	serve $who # it was there before
	heard $who "reaches alpha"
	start $who b --annotation dossier.project=beta
	heard $who "reaches beta"
	start $who none
	a=${token[$who.alpha]} b=${token[$who.beta]}

	check "$who: its project is cloned" clone $who a "$a" alpha
	check "$who: from its own processes as well" get $who a "$a" alpha
	check "$who: the other's container reaches the other's" get $who b "$b" beta
	refuse "$who: a token of another project is none" get $who a "$b" beta
	refuse "$who: nor is one's own in another's container" get $who b "$a" alpha
	refuse "$who: without a project there is no listener" get $who none "$a" alpha
	check "$who: a push of more than a megabyte" sh -c "
		cd /run/clone && git config user.email a@example.org && git config user.name a &&
		head -c 3000000 /dev/urandom >big && git add big && git commit -qm big"
	check "$who: ... from within" nsenter -n -t "$(as_$who podman inspect a --format '{{.State.Pid}}')" \
		git -C /run/clone push -q origin HEAD:work
	check "$who: ... is there" as_$who git -C "${base[$who]}/alpha.git" rev-parse --verify work

	id=$(as_$who podman inspect a --format '{{.Id}}')
	check "$who: ... and noted, with its container" as_$who jq -se --arg id "$id" \
		'last | .what == "push" and .project == "alpha" and .task == "task" and .container == $id' \
		"${base[$who]}/audit.jsonl"

	# one that is bound to a container
	bound=$(as_$who "$GATE" token create alpha bound --container a --token-file "${base[$who]}/tokens.json" |
		grep -o 'terok-g-[0-9a-f]*')
	check "$who: a token that is bound to it, there" get $who a "$bound" alpha
	start $who a2 --annotation dossier.project=alpha
	for _ in $(seq 100); do [ "$(grep -c "reaches alpha" /run/$who.log)" = 2 ] && break || sleep 0.05; done
	check "$who: the same project from another container" get $who a2 "$a" alpha
	refuse "$who: what is bound to one is nothing in another" get $who a2 "$bound" alpha

	# what has no loopback of its own gets none, and the reason is said
	start $who host --network host --cgroupns private --annotation dossier.project=alpha
	heard $who "has the host's network"
	! ss -Hltn "sport = :9418" | grep -q . || fail "$who: the host listens at 9418"
	echo "ok $who: not in the host's network"
	start $who joined --network container:a --annotation dossier.project=beta
	heard $who "shares its network with another guard"

	# an agent that is another finds its doors open, and one that is new is noticed
	kill -9 $AGENT
	wait $AGENT 2>/dev/null || true
	check "$who: without an agent they stay" get $who a "$a" alpha
	rm -f /run/ready
	start_agent
	check "$who: and with another" get $who a "$a" alpha
	start $who late --annotation dossier.project=beta
	for _ in $(seq 300); do [ "$(grep -c "reaches beta" /run/$who.log)" = 2 ] && break || sleep 0.05; done
	check "$who: which opens new ones" get $who late "$b" beta

	# with the container its listener goes, and its network with it
	before=$(ls /proc/"$(pgrep -P ${gate[$who]} -x terok-gate || echo ${gate[$who]})"/fd | wc -l)
	as_$who podman rm -f -t 0 a2 late b >/dev/null 2>&1
	for _ in $(seq 200); do
		now=$(ls /proc/"$(pgrep -P ${gate[$who]} -x terok-gate || echo ${gate[$who]})"/fd | wc -l)
		[ "$now" -gt $((before - 3)) ] || break
		sleep 0.05
	done
	[ "$now" -le $((before - 3)) ] || fail "$who: files of containers that have gone: $before, then $now"
	echo "ok $who: what has gone has no listener"
	as_$who podman rm -f -t 0 joined >/dev/null 2>&1 # it is in the network of one of the others
	as_$who podman rm -f -t 0 -a >/dev/null 2>&1
done

# nobody has a listener in a container of another's: root's gate, which sees dev's, takes none
! grep -q "guard .* of yours\|61000" /run/root.log || fail "root's gate: $(cat /run/root.log)"
for who in root dev; do
	kill -TERM "$(pgrep -P ${gate[$who]} -x terok-gate || echo ${gate[$who]})"
	wait ${gate[$who]} || fail "$who: the gate ended with $?: $(cat /run/$who.log)"
done
echo "ok both end"
stop_agent
