#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_names.sh - containers whose policy is names: root's, one on the host's network, a user's,
# and one guarded from its first instruction
#
# Each asks the tests' name server for two names, before it is guarded and after: one is
# allowed. What was asked of the server is in /run/queries.
. "$(dirname "$0")/lib.sh"
enter_lab
[ -x "$B/tests/names/server" ] || fail "$B/tests/names/server is not there (make test)"

NS=198.51.100.53
start_server
nsenter --net=/run/netns/srv ip addr add $NS/24 dev eth0
nsenter --net=/run/netns/srv ip addr add 198.51.100.3/24 dev eth0
cat >/run/zone <<-EOT
	example SOA 30 1
	allowed.example A 60 $HOST
	denied.example A 60 198.51.100.3
	*.below.example A 60 $HOST
EOT
nsenter --net=/run/netns/srv "$B/tests/names/server" $NS 53 /run/zone >>/run/queries &
until grep -q ^ready /run/queries; do sleep 0.05; done
# the lab's own, and what podman gives to containers on the host's network
rm -f /etc/resolv.conf
echo "nameserver $NS" >/etc/resolv.conf

# in the image: glibc's resolver in busybox nc, and musl's where there is a compiler for it
make_image
musl=
if musl-gcc -O2 -static -o /run/image/bin/musl "$HERE/../names/client_getaddrinfo.c" 2>/run/out; then
	musl=1
	tar -C /run/image -cf /run/image.tar .
else
	echo "SKIP names_with_musl: no musl-gcc (tools/deps --install names)"
fi

# quick TEXT CMD...: CMD fails, and sooner than any resolver asks again (musl: 2.5 s): nothing waits
quick() {
	local start=$EPOCHREALTIME ms
	refuse "$@"
	ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	[ $ms -lt 2400 ] || fail "$1: after $ms ms"
}
asked() { grep -q "^query $1 " /run/queries; }

# before TEXT CMD...: unguarded, CMD... reaches both names: the control
before() {
	local text=$1
	shift
	check "$text: unguarded, a name is reached" "$@" nc -w 2 allowed.example "$PORT"
	check "$text: unguarded, the other is as well" "$@" nc -w 2 denied.example "$PORT"
	check "$text: which was asked for" asked denied.example
}

# after TEXT CMD...: guarded, it reaches one, and nobody is asked for the other
after() {
	local text=$1
	shift
	: >/run/queries
	check "$text: the allowed name is reached" "$@" nc -w 2 allowed.example "$PORT"
	check "$text: which was asked for" asked allowed.example
	quick "$text: the other is not, at once" "$@" nc -w 9 denied.example "$PORT"
	refuse "$text: nor its address" "$@" nc -w 2 198.51.100.3 "$PORT"
	refuse "$text: its name did not leave the host" asked denied.example
	[ -z "$musl" ] || {
		check "$text: musl finds the allowed name" "$@" musl any allowed.example
		quick "$text: and not the other, at once" "$@" musl any denied.example
	}
}

# walk_names TEXT NAME CMD...: CMD... runs in container NAME
walk_names() {
	local text=$1 name=$2
	shift 2
	before "$text" "$@"
	check "$text: attach with names" "$BPFD" attach "$name" --names learn
	refuse "$text: what no rule names is refused" "$@" nc -w 2 allowed.example "$PORT"
	check "$text: allow a name" "$BPFD" allow "$name" allowed.example
	after "$text" "$@"
	check "$text: and take it back" "$BPFD" allow "$name" allowed.example --remove
	quick "$text: it is not found any more" "$@" nc -w 9 allowed.example "$PORT"
	refuse "$text: and what it had is closed" "$@" nc -w 2 "$HOST" "$PORT"
	check "$text: detach" "$BPFD" detach "$name"
	before "$text, detached" "$@"
}

podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
podman run -d --name web localhost/bb:latest sleep 1000 >/dev/null
podman run -d --name plain --network host --cgroupns private localhost/bb:latest sleep 1000 >/dev/null
make_user
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
as_dev podman run -d --name mine --dns $NS --cgroup-parent /user-61000/task localhost/bb:latest \
	sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"

# A wrong command line is exit 2: then it knows no names.
rc=0
"$BPFD" attach /nowhere/at/all --names learn >/run/out 2>&1 || rc=$?
if [ $rc -eq 2 ]; then
	before "rootful" podman exec web
	before "host network" podman exec plain
	before "rootless" as_dev podman exec mine
	echo "SKIP guarded_containers: this build's guards know no names"
	exit 0
fi

check "load" "$BPFD" load
start_agent --upstream $NS
walk_names "rootful" web podman exec web
walk_names "host network" plain podman exec plain
walk_names "rootless" mine as_dev podman exec mine

# guarded before its first instruction, with the names of a profile
make_hooks
mkdir -p /etc/terok/profiles
echo allowed.example >/etc/terok/profiles/named.txt
hooked() {
	podman --hooks-dir /run/hooks run --ulimit host --rm \
		--annotation "terok.guard=up names=learn profiles=named" localhost/bb:latest "$@"
}
after "from the first instruction" hooked

stop_agent
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
as_dev podman rm -f -t 0 -a >/dev/null
