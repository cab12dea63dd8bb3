#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_iodine.sh - tunnels that people have: no session, and no more out than any other gets
#
# iodined is the name server of the host and the authority for a name below a wildcard of
# dev-standard; iodine is in the guard. First unguarded, where it must work. The same with
# dns2tcp. (dnscat2 is no package of Debian's.)
. "$(dirname "$0")/lib.sh"
enter_lab iodine iodined dns2tcpc dns2tcpd
[ -x "$B/tests/names/tapper" ] || fail "$B/tests/names/tapper is not there (make test)"

AUTHORITY=198.51.100.55 TOP=t.npmjs.org BUDGET=64
failures=0

tap() {
	"$B/tests/names/tapper" tap >/run/tapped &
	TAPPER=$!
	await "the tapper" grep -q ready /run/tapped
}
tapped() { # tapped NAME
	kill $TAPPER
	"$B/tests/names/tapper" count /etc/terok/profiles/dev-standard.txt </run/tapped >/run/counted
	local bytes
	bytes=$(sed -n 's/bytes \([0-9]*\).*/\1/p' /run/counted)
	if [ "$bytes" -lt $BUDGET ] && ! grep -q odd /run/tapped; then
		ok "$1: $(cat /run/counted)"
	else
		not_ok "$1" "$(cat /run/counted; grep odd /run/tapped)"
	fi
}

# through TIMES URL: does the page come, by and by?
through() {
	for _ in $(seq "$1"); do
		[ "$(inside curl -s -m 3 "$2" 2>/run/out)" = here ] && return
		sleep 0.5
	done
	return 1
}

with_iodine() {
	iodined -f -c -P secret -l $AUTHORITY -n $AUTHORITY 10.99.0.1 $TOP >/run/iodined 2>&1 &
	SERVER=$!
	await "iodined" grep -q 'Listening to dns' /run/iodined
	[ "$1" = free ] || tap
	inside timeout 60 iodine -f -P secret -T TXT -m 500 $AUTHORITY $TOP >/run/iodine 2>&1 &
	CLIENT=$!
	if [ "$1" = free ]; then
		if through 20 http://10.99.0.1/; then ok "iodine: unguarded it has a session"; else
			not_ok "iodine: control" "$(cat /run/iodine)"
		fi
	else
		await "iodine asks" grep -q "$TOP" /run/tapped
		if through 12 http://10.99.0.1/; then not_ok "iodine: no session" "$(cat /run/iodine)"; else
			ok "iodine: no session"
		fi
		tapped iodine
	fi
	kill $CLIENT $SERVER 2>/run/out || :
	wait $CLIENT $SERVER 2>/run/out || :
}

with_dns2tcp() {
	printf 'listen = %s\nport = 53\nuser = root\nchroot = /run/empty\ndomain = %s\nkey = secret\nresources = web:%s:80\n' \
		$AUTHORITY $TOP $NEAR >/run/dns2tcpd.conf
	mkdir -p /run/empty
	dns2tcpd -F -d 1 -f /run/dns2tcpd.conf >/run/dns2tcpd 2>&1 &
	SERVER=$!
	sleep 0.3 # it says nothing when it is ready; who asks too early fails the control
	[ "$1" = free ] || tap
	inside timeout 20 dns2tcpc -z $TOP -k secret -r web -l 8888 -d 1 $AUTHORITY >/run/dns2tcpc 2>&1 &
	CLIENT=$!
	if [ "$1" = free ]; then
		if through 10 http://127.0.0.1:8888/; then ok "dns2tcp: unguarded it has a session"; else
			not_ok "dns2tcp: control" "$(cat /run/dns2tcpc /run/dns2tcpd)"
		fi
	else
		if through 5 http://127.0.0.1:8888/; then not_ok "dns2tcp: no session" "$(cat /run/dns2tcpc)"; else
			ok "dns2tcp: no session"
		fi
		tapped dns2tcp
	fi
	kill $CLIENT $SERVER 2>/run/out || :
	wait $CLIENT $SERVER 2>/run/out || :
}

make_net
mkdir -p /etc/terok/profiles
cp "$HERE/../../user/profiles/dev-standard.txt" /etc/terok/profiles/
with_iodine free
with_dns2tcp free
start_agent --upstream $AUTHORITY
"$BPFD" attach $BOX --name box --names learn --profile dev-standard >/run/out 2>&1 || fail "attach: $(cat /run/out)"
"$BPFD" allow box 10.99.0.1 >/run/out 2>&1 || fail "allow: $(cat /run/out)" # it is the names that refuse
with_iodine guarded
# a guard of its own budget: that one is spent
"$BPFD" detach box >/run/out 2>&1 || fail "detach: $(cat /run/out)"
"$BPFD" attach $BOX --name box2 --names learn --profile dev-standard >/run/out 2>&1 || fail "attach: $(cat /run/out)"
with_dns2tcp guarded
[ $failures -eq 0 ]
