#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_tunnels.sh - how much gets out of a guard by asking for names: 64 bytes a minute at most
#
# Each tunnel of tunnel.c has a guard of its own, all at once, for longer than a minute. Its
# profile is dev-standard, each domain with the guard's name behind it, so that it is known of
# each question whose it is. Who is told to is assumed to see every question that leaves the
# host, and to answer it as is best for the tunnel: tapper.c reckons what that is worth. Then
# the ways to a name server that do not go by the agent.
#
# SECONDS_EACH: how long they try; BPFD_BEFORE: another agent to measure, of which nothing is
# asserted.
. "$(dirname "$0")/lib.sh"
export SECONDS_EACH="${SECONDS_EACH:-75}" BPFD_BEFORE="${BPFD_BEFORE-}"
enter_lab dig
for p in "$B/tests/names/tunnel" "$B/tests/names/tapper"; do
	[ -x "$p" ] || fail "$p is not there (make test)"
done
[ -z "$BPFD_BEFORE" ] || BPFD=$BPFD_BEFORE

BUDGET=64
TUNNELS="base32 short words levels types exact seen case edns sections bits tcp opcodes
	opcodes-tcp outside broken broken-below mixed"
failures=0

# A namespace with nothing but loopback: the agent is in it, and nobody else.
make_guard() { # make_guard NAME
	sed -n "s/^\([^# ].*\)/\1.$1/p" "$HERE/../../user/profiles/dev-standard.txt" >"/etc/terok/profiles/$1.txt"
	mkdir "/sys/fs/cgroup/$1"
	ip netns add "$1"
	ip -n "$1" link set lo up
	cat >"/run/in-$1" <<-EOT
		#!/bin/sh
		echo \$\$ >/sys/fs/cgroup/$1/cgroup.procs
		exec nsenter --net=/run/netns/$1 "\$@"
	EOT
	chmod 755 "/run/in-$1"
	"/run/in-$1" sleep 1000 &
	await "nobody in $1" grep -q . "/sys/fs/cgroup/$1/cgroup.procs"
	"$BPFD" attach "/sys/fs/cgroup/$1" --name "$1" --names learn --profile "$1" >/run/out 2>&1 ||
		fail "attach: $(cat /run/out)"
}

# What upstream says is the best for a tunnel: an answer that ends at once, or none.
zone_of() {
	case $1 in
	broken*) echo "*.$1 do servfail" ;;
	*) printf '*.%s %s\n' "$1" "A 1 198.51.100.1" "$1" "AAAA 1 2001:db8::1" "$1" "TXT 1 text" ;;
	esac
}

# field NAME: of the line that tapper printed
field() { sed -n "s/.*\b$1 \([0-9]*\).*/\1/p" /run/counted; }

verdict() { # verdict TUNNEL
	"$B/tests/names/tapper" count "/etc/terok/profiles/$1.txt" </run/tapped >/run/counted
	local said
	said="$(cat /run/counted); $(cat "/run/said-$1")"
	if [ "$1" = outside ] || [[ $1 == opcodes* ]]; then
		if grep -q "\.$1 " /run/tapped; then not_ok "$1: nothing" "$said"; else ok "$1: nothing leaves; $said"; fi
		return
	fi
	if [ "$(field all)" -eq 0 ]; then
		not_ok "$1: something leaves, or it was not tried" "$said"
	elif [ "$(field bytes)" -lt $BUDGET ] && [ "$(field labels)" -lt $BUDGET ] && [ "$(field id)" -eq 0 ]; then
		ok "$1: $said"
	else
		not_ok "$1" "$said"
	fi
}

tunnels() {
	local pids=
	mkdir -p /etc/terok/profiles
	for t in $TUNNELS; do zone_of "$t"; done >/run/zone
	start_server
	start_agent --upstream $NS
	for t in $TUNNELS; do make_guard "$t"; done
	"$B/tests/names/tapper" tap >/run/tapped &
	TAPPER=$!
	await "the tapper" grep -q ready /run/tapped
	for t in $TUNNELS; do
		"/run/in-$t" "$B/tests/names/tunnel" "$t" "$SECONDS_EACH" "/etc/terok/profiles/$t.txt" >"/run/said-$t" 2>&1 &
		pids+=" $!"
	done
	for p in $pids; do wait "$p" || not_ok "a tunnel ended" "$(cat /run/said-*)"; done
	kill $TAPPER
	for t in $TUNNELS; do verdict "$t"; done
	grep odd /run/tapped >/run/out && not_ok "a question and nothing else" "$(cat /run/out)" || ok "a question and nothing else"
	grep -vE 'ready|odd' /run/tapped | grep -vE "\.($(echo $TUNNELS | tr ' ' '|')) " >/run/out &&
		not_ok "no name outside policy" "$(cat /run/out)" || ok "no name outside policy"
}

# reaches TO: HOST/PORT of bash's /dev/tcp or /dev/udp
reaches() { inside timeout 2 bash -c "echo question >/dev/$1" >/run/out 2>&1; }

DIRECT="udp/198.51.100.1/5353 udp/198.51.100.1/853 udp/198.51.100.1/443 tcp/198.51.100.1/853
	tcp/198.51.100.1/80 tcp/3325256705/80 udp/3325256705/5353 udp/::ffff:198.51.100.1/5353
	tcp/2001:db8::1/853 tcp/::ffff:198.51.100.1/80 udp/2001:db8::1/5353"

# By addresses: other ports are closed, and at port 53 whoever is asked, the agent is who hears.
direct() {
	for to in $DIRECT; do reaches "$to" || not_ok "direct: control: $to" "$(cat /run/out)"; done
	echo "direct A 60 198.51.100.1" >>/run/zone
	read_zone
	for server in $NS $NS6; do
		inside dig +short +tries=1 +timeout=2 "@$server" direct >/run/out 2>&1 || :
	done
	grep -q "query direct A udp $INSIDE:" /run/queries && grep -q "\[$INSIDE6\]:" /run/queries ||
		not_ok "direct: control: the server is asked" "$(cat /run/queries)"
	cp "$HERE/../../user/profiles/dev-standard.txt" /etc/terok/profiles/direct.txt
	"$BPFD" attach $BOX --name direct --names learn --profile direct >/run/out 2>&1 || fail "attach: $(cat /run/out)"
	for to in $DIRECT; do
		if reaches "$to"; then not_ok "direct: $to" "reached"; else ok "direct: $to is refused"; fi
	done
	: >/run/queries
	for server in $NS $NS6 8.8.8.8 198.51.100.54; do
		for how in +notcp +tcp; do
			inside dig $how +tries=1 +timeout=2 "@$server" direct >/run/out 2>&1 || :
			grep -q NXDOMAIN /run/out || not_ok "direct: port 53 of $server $how" "$(cat /run/out)"
		done
	done
	if [ -s /run/queries ]; then not_ok "direct: port 53" "$(cat /run/queries)"; else ok "direct: port 53 is the agent's"; fi
	# names over HTTPS: whoever offers that is reached by name, and no profile has it
	for name in dns.google cloudflare-dns.com mozilla.cloudflare-dns.com dns.quad9.net use-application-dns.net; do
		inside dig +tries=1 +timeout=2 "@$NS" $name >/run/out 2>&1 || :
		grep -q NXDOMAIN /run/out || not_ok "direct: DoH of $name" "$(cat /run/out)"
	done
	if [ -s /run/queries ]; then not_ok "direct: DoH" "$(cat /run/queries)"; else ok "direct: who offers DoH is not found"; fi
}

make_net
tunnels
[ -z "$BPFD_BEFORE" ] || exit 0
direct
[ $failures -eq 0 ]
