# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what the container tests share; sourced by test_*.sh, which run in a throw-away host
#
# A test is: enter_lab first, then need_*, start_*, and checks that each name what they
# expect. The first check that fails ends the test with its name. B is the build folder.
#
# It runs once with each podman that is there, in a lab of its own: the machine's, and what
# tests/podman/fetch brought. PODMAN is the version; podman_is 5 says whether it is at least that.
# PODMANS="machine" or "podman5" chooses one.
set -eu -o pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
B=$(readlink -f "${B:-$HERE/../../build}")
BPFD=$B/terok-bpfd
CLEARANCE=$B/terok-clearance
HOST=198.51.100.2 # the server: another network namespace, a documentation address
PORT=4433
export TEROK_PINS=/sys/fs/bpf/terok TEROK_RUN=/run/terok TEROK_STATE=/run/terok-state

NAME=$(basename "$0" .sh)
skip() { echo "SKIP $NAME${PODMAN:+ with podman $PODMAN}: $*"; exit 77; }
fail() {
	echo "$NAME${PODMAN:+ with podman $PODMAN}: FAIL: $*" >&2
	if [ -s /run/agent.log ]; then sed 's/^/  agent: /' /run/agent.log >&2; fi
	exit 1
}

podman_is() { [ "${PODMAN%%.*}" -ge "$1" ]; }

# podmans: a word for each that is there, and with none that is new the reason
podmans() {
	local new=$B/foreign/podman5
	[ -x "$new/usr/bin/podman" ] || new=$B/../foreign/podman5 # of another flavour's build folder
	case " ${PODMANS-machine podman5} " in *" machine "*) echo machine ;; esac
	case " ${PODMANS-machine podman5} " in *" podman5 "*) ;; *) return 0 ;; esac
	[ ! -x "$new/usr/bin/podman" ] || readlink -f "$new"
	[ -x "$new/usr/bin/podman" ] || podman_is 5 ||
		echo "SKIP $NAME with podman 5: not there: tests/podman/fetch build/foreign/podman5" >&2
}

# each_podman CMD...: CMD with LAB_OVER for each; 77 if all say so, else the first failure
each_podman() {
	local over rc ran=77 bad=0
	for over in $(podmans); do
		[ "$over" != machine ] || over=
		rc=0
		LAB_OVER=$over "$@" || rc=$?
		case $rc in
		0) ran=0 ;;
		77) ;;
		*) ran=0 bad=${bad/#0/$rc} ;;
		esac
	done
	[ "$bad" = 0 ] || return "$bad"
	return $ran
}

# Run again inside tests/lab/inlab.sh, once for each podman.
enter_lab() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	for p in podman conmon runc crun iptables busybox ip nsenter jq socat; do
		command -v $p >/dev/null || skip "$p is not installed (see 'make print-deps')"
	done
	for p in "$BPFD" "$CLEARANCE" "$B/tests/podman/leave"; do
		[ -x "$p" ] || fail "$p is not there (make)"
	done
	PODMAN=$(podman --version | sed 's/.* //')
	[ -z "${LAB_DIR-}" ] || { echo "with podman $PODMAN"; return 0; }
	each_podman "$HERE/../lab/inlab.sh" timeout -k 5 "${LAB_TIMEOUT:-140}" env B="$B" bash "$0"
	exit
}

# check TEXT CMD...: CMD succeeds; refuse TEXT CMD...: CMD fails
check() { local text=$1; shift; "$@" >/run/out 2>&1 || fail "$text: '$*' failed: $(cat /run/out)"; echo "ok $text"; }
refuse() { local text=$1; shift; ! "$@" >/run/out 2>&1 || fail "$text: '$*' succeeded: $(cat /run/out)"; echo "ok $text"; }

# A namespace "srv" behind a cable, with a server that takes and closes connections.
start_server() {
	ip netns add srv
	ip link add cable type veth peer name eth0 netns srv
	ip addr add 198.51.100.1/24 dev cable
	ip link set cable up
	ip route add default via $HOST # pasta gives containers the interface that has one
	nsenter --net=/run/netns/srv sh -c \
		"ip addr add $HOST/24 dev eth0; ip link set eth0 up; ip link set lo up"
	nsenter --net=/run/netns/srv busybox nc -ll -p $PORT -e /bin/true &
	for _ in $(seq 100); do # the listener has no way to say that it listens
		if nsenter --net=/run/netns/srv busybox nc -w 1 $HOST $PORT </dev/null 2>/dev/null; then
			return 0
		fi
		sleep 0.05
	done
	fail "the server does not answer"
}

# An image with busybox and nothing else, as a tar file that any user can import.
make_image() {
	local root=/run/image
	mkdir -p $root/bin $root/etc
	cp "$(command -v busybox)" $root/bin/busybox
	for a in sh sleep nc id grep; do ln -s busybox $root/bin/$a; done
	cp "$B/tests/podman/leave" "$B/tests/podman/knock" $root/bin
	echo root:x:0:0::/:/bin/sh >$root/etc/passwd
	tar -C $root -cf /run/image.tar .
	chmod 644 /run/image.tar
}

# runtime NAME: its path; crun's is a wrapper that lets it believe that it may raise a limit
runtime() {
	[ "$1" = crun ] || { command -v "$1"; return; }
	mkdir -p /run/wrap
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$B/tests/podman/limit.so" \
		"$(command -v crun)" >/run/wrap/crun
	chmod 755 /run/wrap/crun
	echo /run/wrap/crun
}

# make_hooks: our OCI hooks in /run/hooks, as setup would install them
make_hooks() {
	mkdir -p /run/hooks
	for stage in precreate createRuntime poststop; do
		sed "s,@LIBEXECDIR@,$B," "$HERE/../../user/oci/terok-$stage.json" >"/run/hooks/terok-$stage.json"
	done
}

# make_user [NAME UID SUBUID]: a user with containers of his own; as_dev CMD...: as he is after a
# login; as_user NAME UID CMD...: the same of another
GROUP=/sys/fs/cgroup/user-61000 # what a login would delegate
make_user() {
	local name=${1:-dev} uid=${2:-61000} sub=${3:-100000} group
	for p in newuidmap slirp4netns setpriv; do
		command -v $p >/dev/null || skip "$p is not installed (apt-get install uidmap slirp4netns)"
	done
	group=/sys/fs/cgroup/user-$uid
	groupadd -g "$uid" "$name"
	useradd -m -u "$uid" -g "$name" -K UID_MAX="$uid" -s /bin/bash "$name"
	# not given by useradd where login.defs has other ideas of a user's number
	grep -q "^$name:" /etc/subuid ||
		usermod --add-subuids "$sub-$((sub + 65535))" --add-subgids "$sub-$((sub + 65535))" "$name"
	install -d -o "$name" -g "$name" -m 700 "/run/user/$uid"
	mkdir -p "$group/login"
	chown -R "$name:$name" "$group"
	mkdir -p "/home/$name/.config/containers"
	printf '[storage]\ndriver = "overlay"\n' >"/home/$name/.config/containers/storage.conf"
	printf '[engine]\nruntime = "crun"\n' >"/home/$name/.config/containers/containers.conf"
	chown -R "$name:$name" "/home/$name"
}
as_user() {
	(
		name=$1 uid=$2
		shift 2
		echo $BASHPID >"/sys/fs/cgroup/user-$uid/login/cgroup.procs"
		cd "/home/$name" || exit 1
		exec setpriv --reuid "$uid" --regid "$uid" --init-groups \
			env -i PATH="$PATH" HOME="/home/$name" XDG_RUNTIME_DIR="/run/user/$uid" "$@"
	)
}
as_dev() { as_user dev 61000 "$@"; }

# said TEXT: the last check or refuse printed it
said() { grep -q -- "$1" /run/out || fail "it does not say '$1': $(cat /run/out)"; }

# The agent in the background, ready when this returns. start_agent ARG...: of run
start_agent() {
	mkfifo /run/ready
	"$BPFD" run --ready-fd=9 "$@" 9>/run/ready 2>/run/agent.log &
	AGENT=$!
	read -r -n 1 -t 20 <>/run/ready || fail "the agent did not get ready"
}

stop_agent() {
	kill -TERM "$AGENT"
	wait "$AGENT" || fail "the agent ended with $?"
	: >/run/agent.log
}

# A hub client in the background, CLIENT; its events come as lines on descriptor 8.
start_client() {
	mkfifo /run/events
	"$CLEARANCE" --json >/run/events 2>>/run/agent.log &
	CLIENT=$!
	exec 8</run/events
}

# wait_event TEXT JQ-CONDITION: read on to the first event that fits; EVENT is it.
wait_event() {
	while read -r -t 10 EVENT <&8; do
		if jq -e "$2" >/dev/null 2>&1 <<<"$EVENT"; then echo "ok $1"; return 0; fi
	done
	fail "$1: no such event came ($2)"
}

# The whole path for one container: attach, refused, told, answered, passes, detach.
# walk NAME CLIENT...: CLIENT... connects from within the container
walk() {
	local name=$1 id
	shift
	check "before it is guarded, the server is reached" "$@"
	check "attach finds the container" "$BPFD" attach "$name"
	refuse "guarded, the server is refused" "$@"
	wait_event "the refusal is told" ".type == \"request\" and .dest == \"$HOST\" and .port == $PORT"
	[ "$(jq -r .process.comm <<<"$EVENT")" = nc ] || fail "the process is named: $EVENT"
	[ "$(jq -r .name <<<"$EVENT")" = "${name#*:}" ] || fail "the container is named: $EVENT"
	id=$(jq -r .request_id <<<"$EVENT")
	check "allow is taken" answer "$id" allow
	check "the answer is in force at once" "$@"
	wait_event "the answer is told" ".type == \"verdict\" and .request_id == \"$id\" and .ok"
	check "block is taken" "$BPFD" block "$name"
	refuse "blocked, the server is refused" "$@"
	check "detach is taken" "$BPFD" detach "$name"
	check "no longer guarded, the server is reached" "$@"
}

# answer ID allow|deny: as any varlink client would
answer() {
	local reply
	reply=$(printf '{"method":"org.terok.Firewall1.Answer","parameters":{"request_id":"%s","action":"%s","scope":"session"}}\0' \
		"$1" "$2" | timeout 5 socat -t 5 - UNIX-CONNECT:$TEROK_RUN/clearance.sock | tr '\0' '\n')
	echo "$reply"
	jq -e '.error == null and .parameters != null' <<<"$reply" >/dev/null
}

guards() { "$BPFD" status --json | jq '.guards | length'; }
# await_guards N TEXT
await_guards() {
	for _ in $(seq 100); do
		[ "$(guards)" != "$1" ] || { echo "ok $2"; return 0; }
		sleep 0.05
	done
	fail "$2: $(guards) guards, not $1: $("$BPFD" status)"
}
