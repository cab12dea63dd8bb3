#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_proxy.sh - the proxy's listeners in a container are that container's: HTTP and the SSH agent's
# port; they come and go with it, and what its tokens are worth ends there; its processes never have
# a secret (statement 77); rootful and a user's
. "$(dirname "$0")/lib.sh"
PROXY=$B/terok-proxy
[ -x "$PROXY" ] || fail "$PROXY is not there (make)"
for p in curl nc; do command -v $p >/dev/null || skip "$p is not installed (tools/deps --install test)"; done
export TEROK_USER_RUN=/run/user # users of the lab have the hub there
enter_lab

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
declare -A base=([root]=/run/proxy [dev]=/home/dev/proxy) proxy=() token=()
SECRET=$(head -c 30 /dev/urandom | base64 -w 0 | tr '+/' 'xy') # nothing else has 8 bytes of it

# an upstream that notes what it is shown, and says whether that is the secret
cat >/run/upstream <<-END
	#!/bin/sh
	read -r request
	says=none
	while read -r line && [ "\${#line}" -gt 1 ]; do
		echo "\$line" >>/run/shown
		case \$line in *"Bearer $SECRET"*) says=good ;; esac
	done
	printf 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n%s' \$says
END
chmod 755 /run/upstream
: >/run/shown && chmod 666 /run/shown

p() { # WHO VERB...
	local who=$1
	shift
	as_"$who" env TEROK_RUN=$TEROK_RUN TEROK_CREDENTIALS_DIR="${base[$who]}" TEROK_SANDBOX_STATE_DIR="${base[$who]}/state" TEROK_SANDBOX_RUNTIME_DIR="${base[$who]}/run" "$PROXY" "$@"
}
serve() { # WHO: ready when this returns
	local who=$1
	: >"/run/$who.log"
	chmod 666 "/run/$who.log"
	p "$who" serve --port "${port[$who]}" --ssh-agent-port "${agent[$who]}" --ssh-keys-file "${base[$who]}/ssh-keys.json" 2>>"/run/$who.log" &
	proxy[$who]=$!
	for _ in $(seq 200); do curl -sf -m 5 "http://127.0.0.1:${port[$who]}/-/health" >/run/out && return; sleep 0.05; done
	fail "$who: the proxy does not begin: $(cat "/run/$who.log")"
}
declare -A port=([root]=17001 [dev]=17003) agent=([root]=17002 [dev]=17004) # of the host, where nobody comes in
# heard WHO TEXT [N]: its proxy says so, N times, within 10 s
heard() {
	for _ in $(seq 200); do
		[ "$(grep -c -- "$2" "/run/$1.log")" -lt "${3:-1}" ] || return 0
		sleep 0.05
	done
	fail "$1: the proxy did not say '$2': $(cat "/run/$1.log")"
}
start() { # WHO NAME [FLAG...]: a guarded container
	local who=$1 name=$2 parent=()
	shift 2
	[ "$who" = root ] || parent=(--cgroup-parent /user-61000/task)
	check "$who: $name starts guarded" as_"$who" podman --hooks-dir /run/hooks run -d --name "$name" \
		"${parent[@]}" --ulimit host --annotation terok.guard= "$@" localhost/bb:latest sleep 1000
}
# within WHO NAME COMMAND...: in its network
within() {
	local who=$1 name=$2
	shift 2
	nsenter -n -t "$(as_"$who" podman inspect "$name" --format '{{.State.Pid}}')" "$@"
}
health() { within "$1" "$2" curl -sf -m 5 "http://127.0.0.1:18731/-/health" | grep -q '"ok"'; }
# get WHO NAME TOKEN [CODE]: what an upstream is asked by way of the proxy, and what it was shown
get() {
	[ "$(within "$1" "$2" curl -s -m 10 -o /run/got -w '%{http_code}' -H "Authorization: Bearer $3" http://127.0.0.1:18731/v1/x)" = "${4:-200}" ] || { cat /run/got; return 1; }
}
ssh_port() { within "$1" "$2" nc -z -w 5 127.0.0.1 18732; }
# from its own process, which a guard would refuse any other address
own() {
	as_"$1" podman exec "$2" sh -c "busybox rm -f /says; busybox mkfifo /says; exec 3<>/says
		busybox printf 'GET /-/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&3; nc -w 5 127.0.0.1 18731 <&3" >/run/got 2>&1
	grep -aq "200 OK" /run/got || { cat -v /run/got; return 1; }
}

# --- secrets (statement 77): looked for by tests/proxy/scan.py in all processes of a container
echo "$SECRET" >/run/secrets
pids() { # WHO NAME: all processes of it
	local of p
	of=$(readlink "/proc/$(as_"$1" podman inspect "$2" --format '{{.State.Pid}}')/ns/pid")
	for p in /proc/[0-9]*; do [ "$(readlink "$p/ns/pid")" != "$of" ] || echo "${p#/proc/}"; done
}
# scan WHO NAME TEXTS: memory, environment, command lines and files of a container; fails if one of TEXTS is there
scan() {
	local p d where=()
	for p in $(pids "$1" "$2"); do where+=("mem:$p" "/proc/$p/environ" "/proc/$p/cmdline"); done
	for d in "/proc/$p/root"/* "/proc/$p/root/dev/shm"; do
		case ${d##*/root/} in proc | sys | dev) continue ;; esac # those are the kernel's
		if [ ! -L "$d" ] && [ -d "$d" ] || [ -f "$d" ]; then where+=("$d"); fi
	done
	/usr/bin/python3 "$HERE/../proxy/scan.py" "$3" "${where[@]}"
}
# keep WHO NAME FLAG... -- SCRIPT: a process of the container that goes on until keep_end; SAID is its first line
keep() {
	local who=$1 name=$2 flags=()
	shift 2
	while [ "$1" != -- ]; do flags+=("$1") && shift; done
	[ -p /run/says ] || mkfifo /run/says /run/waits
	exec 6<>/run/says 5<>/run/waits
	as_"$who" podman exec -i "${flags[@]}" "$name" sh -c "$2; read -r end" <&5 >&6 5>&- 6>&- &
	KEPT=$!
	read -r -t 20 SAID <&6 || fail "$who: nothing runs in $name"
}
keep_end() {
	echo end >&5
	wait $KEPT
	exec 5>&- 6>&-
}
ASKS='busybox rm -f /ask; busybox mkfifo /ask; exec 3<>/ask
busybox printf "GET /v1/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n" "$TOKEN" >&3
reply=$(nc -w 5 127.0.0.1 18731 <&3); echo "$reply" >/reply; echo "${reply##*
}"'
PLANTS='read -r plain; read -r hex; read -r base64; echo "$base64" >/planted; echo "$plain" >/dev/shm/planted; echo planted'
# forms FOUND PLACE FORM...: each of the forms was found there
forms() {
	local found=$1 place=$2 form
	shift 2
	for form; do grep -q "^$place.*: secret 0, $form, from byte 0" <<<"$found" || { echo "no $form in $place: $found"; return 1; }; done
}
secrets() { # WHO
	local who=$1 found p
	echo "${token[$who.alpha]}" >/run/token
	keep "$who" a -e "TOKEN=${token[$who.alpha]}" -- "$ASKS"
	[ "$SAID" = good ] || fail "$who: a process in it has '$SAID'"
	check "$who: no run of the secret's bytes is in a container that uses it" scan "$who" a /run/secrets
	refuse "$who: where its token is" scan "$who" a /run/token
	check "$who: ... in memory, environment and files" test "$(grep -c '^mem:\|/environ: ' /run/out)" -ge 2
	keep_end
	{ echo "$SECRET" && printf %s "$SECRET" | od -An -tx1 | tr -d ' \n' && echo && printf %s "$SECRET" | base64 -w 0 && echo; } >/run/plants
	keep "$who" a -e "PLANT=$SECRET" -- 'echo; '"$PLANTS"
	cat /run/plants >&5
	read -r -t 20 SAID <&6 && [ "$SAID" = planted ] || fail "$who: nothing was planted"
	found=$(scan "$who" a /run/secrets) && fail "$who: what was planted is not found: $found"
	check "$who: one that is planted is found in memory: plain, hex, base64" forms "$found" mem: plain hex base64+0
	check "$who: ... in an environment" forms "$found" '/proc/[0-9]*/environ' plain
	check "$who: ... and in files" forms "$found" '/proc/[0-9]*/root/planted' base64+0
	check "$who: ... of memory as well" forms "$found" '/proc/[0-9]*/root/dev/shm/planted' plain
	keep_end
}

socat TCP-LISTEN:17999,bind=127.0.0.1,fork,reuseaddr EXEC:/run/upstream &
upstream=$!
for _ in $(seq 100); do ss -Hltn 'sport = :17999' | grep -q . && break || sleep 0.05; done
for who in root dev; do
	as_$who mkdir -m 0700 "${base[$who]}"
	echo '{"some": {"upstream": "http://127.0.0.1:17999"}}' | as_$who sh -c "umask 077; cat >${base[$who]}/routes.json"
	printf %s $SECRET | p $who credential set some --type api_key >/run/out 2>&1 || fail "credential set: $(cat /run/out)"
	for of in alpha beta; do token[$who.$of]=$(p $who token create $of task some); done
	start $who a --annotation dossier.project=alpha --annotation dossier.task=task
	serve $who # it was there before
	heard $who "reaches alpha" 2 # at two ports
	start $who b --annotation dossier.project=beta
	heard $who "reaches beta" 2
	start $who none
	a=${token[$who.alpha]} b=${token[$who.beta]}

	check "$who: it answers within" health $who a
	check "$who: to its own processes" own $who a
	check "$who: and the SSH agent's port is there" ssh_port $who a
	check "$who: its token has the upstream" get $who a "$a"
	check "$who: ... which was shown the secret" grep -qx good /run/got
	refuse "$who: ... and not the token" grep -q "$a" /run/shown
	secrets $who
	check "$who: the other's has the other's" get $who b "$b"
	refuse "$who: a token of another project is none" get $who a "$b"
	refuse "$who: nor is one's own in another's container" get $who b "$a"
	refuse "$who: without a project there is no listener" health $who none
	refuse "$who: nor an SSH agent" ssh_port $who none
	bound=$(p $who token create alpha bound some --container a)
	check "$who: a token that is bound to it, there" get $who a "$bound"
	start $who a2 --annotation dossier.project=alpha
	heard $who "reaches alpha" 4
	check "$who: the same project from another container" get $who a2 "$a"
	refuse "$who: what is bound to one is nothing in another" get $who a2 "$bound"

	# with the container its listeners go, and its network with it
	fds() { ls "/proc/$(pgrep -P ${proxy[$who]} -x terok-proxy || echo ${proxy[$who]})/fd" | wc -l; }
	before=$(fds)
	as_$who podman rm -f -t 0 a2 b >/dev/null 2>&1
	for _ in $(seq 200); do [ "$(fds)" -gt $((before - 4)) ] || break; sleep 0.05; done
	[ "$(fds)" -le $((before - 4)) ] || fail "$who: files of containers that have gone: $before, then $(fds)"
	echo "ok $who: what has gone has no listener"
	as_$who podman rm -f -t 0 -a >/dev/null 2>&1
done
for who in root dev; do
	kill -TERM "$(pgrep -P ${proxy[$who]} -x terok-proxy || echo ${proxy[$who]})"
	wait ${proxy[$who]} || fail "$who: the proxy ended with $?: $(cat /run/$who.log)"
done
echo "ok both end"
kill $upstream
stop_agent
