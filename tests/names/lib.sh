# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - a host with a name server and a box without one; sourced by test_*.sh that need it
#
# enter_lab first: a throw-away host. In it the host side is where the test runs: every address
# of 198.51.100.0/24 and 2001:db8::/64 is its own and has a web server at ports 80 and 853, and
# SERVER asks and answers at NS and NS6, port 53. The box is a network namespace behind a cable
# and a cgroup, and "inside CMD" runs in both, with /run/resolv for its resolv.conf.
# What was asked of the server is in /run/queries. B is the build folder.
set -eu -o pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
B=$(readlink -f "${B:-$HERE/../../build}")
BPFD=$B/terok-bpfd
NS=198.51.100.53 NS6=2001:db8::53
NEAR=192.0.2.1 INSIDE=192.0.2.2 NEAR6=2001:db8:2::1 INSIDE6=2001:db8:2::2
BOX=/sys/fs/cgroup/box
export TEROK_PINS=/sys/fs/bpf/terok TEROK_RUN=/run/terok TEROK_STATE=/run/terok-state

skip() { echo "$(basename "$0"): SKIP: $*" >&2; exit 77; }
fail() {
	echo "$(basename "$0"): FAIL: $*" >&2
	if [ -s /run/agent.log ]; then sed 's/^/  agent: /' /run/agent.log >&2; fi
	exit 1
}
ok() { echo "ok $1"; }
# not_ok NAME WHY: counted in failures, and the test goes on
not_ok() {
	echo "not ok $1"
	echo "   $2" | head -n 20
	failures=$((failures + 1))
}

# await WHAT CMD...: until it succeeds; who is awaited has no other way to say so
await() {
	local what=$1
	shift
	for _ in $(seq 200); do
		! "$@" >/run/out 2>&1 || return 0
		sleep 0.05
	done
	fail "$what"
}

# Run again inside tests/lab/inlab.sh, once. enter_lab PROGRAM...: what it cannot do without
enter_lab() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	for p in ip nsenter unshare curl busybox "$@"; do
		command -v "$p" >/dev/null || skip "$p is not installed (tools/deps --install names)"
	done
	for p in "$BPFD" "$B/tests/names/server"; do
		[ -x "$p" ] || fail "$p is not there (make test)"
	done
	[ -z "${LAB_DIR-}" ] || return 0
	exec "$HERE/../lab/inlab.sh" timeout -k 5 280 env B="$B" bash "$0"
}

make_net() {
	mkdir -p /run/www
	echo here >/run/www/index.html
	ip netns add box
	ip link add cable type veth peer name eth0 netns box
	ip addr add $NEAR/24 dev cable
	ip addr add $NEAR6/64 dev cable nodad
	ip link set cable up
	ip route add local 198.51.100.0/24 dev lo
	ip -6 route add local 2001:db8::/64 dev lo
	ip addr add $NS6/128 dev lo nodad # bound to, so not just routed
	nsenter --net=/run/netns/box sh -c "ip link set lo up; ip link set eth0 up
		ip addr add $INSIDE/24 dev eth0; ip addr add $INSIDE6/64 dev eth0 nodad
		ip route add default via $NEAR; ip -6 route add default via $NEAR6"
	for port in 80 853; do
		busybox httpd -f -p $port -h /run/www &
		await "the web server" curl -s -m 1 "http://[2001:db8::1]:$port/"
	done
	mkdir $BOX
	cat >/run/inside <<-EOT
		#!/bin/sh
		echo \$\$ >$BOX/cgroup.procs
		exec env -i PATH="$PATH" HOME=/run nsenter --net=/run/netns/box unshare -m sh -c '
			mount --bind /run/resolv /etc/resolv.conf && exec "\$@"' inside "\$@"
	EOT
	chmod 755 /run/inside
	# the lab's own: no name is there but by DNS
	echo "127.0.0.1 localhost" >/etc/hosts
	echo "hosts: files dns" >/etc/nsswitch.conf
	rm -f /etc/resolv.conf
	: >/etc/resolv.conf
	: >/run/resolv
	inside sleep 1000 & # somebody is in it
	await "nobody in the box" grep -q . $BOX/cgroup.procs
}

inside() { /run/inside "$@"; }

# start_server: it knows /run/zone
start_server() {
	: >/run/queries
	"$B/tests/names/server" $NS,$NS6,198.51.100.54 53 /run/zone >>/run/queries &
	SERVER=$!
	await "the name server" grep -q ^ready /run/queries
}

# read_zone: it knows what /run/zone is now, and nothing was asked
read_zone() {
	kill -HUP $SERVER
	await "the name server's new zone" grep -q ^zone /run/queries
	: >/run/queries
}

# The agent in the background, ready when this returns. start_agent ARG...
start_agent() {
	rm -f /run/ready # of an agent before
	mkfifo /run/ready
	"$BPFD" run --ready-fd=9 "$@" 9>/run/ready 2>/run/agent.log &
	AGENT=$!
	read -r -n 1 -t 20 <>/run/ready || fail "the agent did not get ready"
}

# has_names: does this build take names for policy? A wrong command line is exit 2.
has_names() {
	local rc=0
	"$BPFD" attach /nowhere/at/all --names learn >/run/out 2>&1 || rc=$?
	[ $rc -ne 2 ]
}
