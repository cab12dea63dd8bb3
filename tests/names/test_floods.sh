#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_floods.sh - a guard that asks for 500,000 names, and name servers that lie, to the others
#
# One guard asks as fast as it can, below a wildcard and outside policy, while another one asks
# for a name that is cached and for new ones, steadily. Then upstreams of every kind, by one
# guard: what comes is what who was asked has said, or nothing, in time.
#
# NAMES: how many.
. "$(dirname "$0")/lib.sh"
export NAMES="${NAMES:-500000}"
enter_lab bpftool jq dig
[ -x "$B/tests/names/flood" ] || fail "$B/tests/names/flood is not there (make test)"
failures=0
FRESH=600 SECONDS_ALONE=5

make_guard() { # make_guard NAME: with the profile of its name
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
	"$BPFD" attach "/sys/fs/cgroup/$1" --name "$1" --names learn --profile "$1" --json >"/run/attached-$1" 2>/run/out ||
		fail "attach: $(cat /run/out)"
}

# number KEY FILE: of "key number key number"
number() { sed -n "s/.*\b$1 \([0-9.]*\).*/\1/p" "$2"; }
check() { # check NAME CONDITION SAID
	if [ "$2" ]; then ok "$1: $3"; else not_ok "$1" "$3"; fi
}
is() { awk "BEGIN { exit !($1) }" && echo yes; }

# of all that is of the agent: kB
memory() { for p in "$AGENT" $(pgrep -P "$AGENT"); do sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$p/status"; done | awk '{ n += $1 } END { print n }'; }
processor() { awk '{ print $14 + $15 }' "/proc/$AGENT/stat"; } # ticks of the core
queries() { # queries GUARD: its counts, once they are told
	sleep 1.5 # the worker tells the core once a second
	bpftool map dump pinned "$(find $TEROK_PINS -name '*queries*' | head -n 1)" -j >/run/queries.json 2>&1
	jq -r --argjson id "$(jq .guard "/run/attached-$1")" '.[] | select(.formatted.key == $id) | .formatted.value |
		to_entries | map("\(.key) \(.value)") | join(" ")' /run/queries.json
}

# steady NAME FILE...: the other guard's figures of a run
steady() {
	for kind in cached fresh; do
		grep "^$kind" "$2" >/run/one
		check "$1: $kind: none refused" "$(is "$(number refused /run/one) == 0")" "$(cat /run/one)"
	done
}

flood() { # flood below|outside
	local before after pid
	before=$(memory)
	/run/in-quiet "$B/tests/names/flood" clock $SECONDS_ALONE "$1.example" >/run/steady &
	pid=$!
	: >/run/queries
	/run/in-loud "$B/tests/names/flood" "$1" "$NAMES" loud.example >/run/flooded
	wait $pid || :
	after=$(memory)
	check "$1: every question is answered" "$(is "$(number answered /run/flooded) == $NAMES")" "$(cat /run/flooded)"
	steady "$1" /run/steady
	check "$1: memory" "$(is "$after - $before < 8192")" "$before kB before, $after kB after"
	if grep -c "loud.example" /run/queries >/run/out && [ "$1" = outside ]; then
		not_ok "outside: nothing leaves" "$(head -n 3 /run/queries)"
	fi
	check "$1: few leave the host" "$(is "$(cat /run/out) < 64")" "$(cat /run/out) questions"
}

floods() {
	mkdir -p /etc/terok/profiles
	echo "*.loud.example" >/etc/terok/profiles/loud.txt
	for z in alone below outside; do
		echo "nc.$z.example"
		for n in $(seq 0 $((FRESH - 1))); do echo "n$n.$z.example"; done
	done >/etc/terok/profiles/quiet.txt
	printf '*.example %s\n' "A 300 198.51.100.1" "AAAA 300 2001:db8::1" >/run/zone
	start_server
	start_agent --upstream $NS
	make_guard loud
	make_guard quiet
	/run/in-quiet "$B/tests/names/flood" clock $SECONDS_ALONE alone.example >/run/alone
	steady "alone" /run/alone
	flood below
	flood outside
	local told
	told=$(wc -l <$TEROK_STATE/cgroups/loud/audit.jsonl)
	check "people hear of ten a second" "$(is "$told > 10 && $told < 10 * (10 + $SECONDS)")" "$told in $SECONDS s"
	queries loud >/run/counts
	local all=0 key
	for key in cached local forwarded blocked spent malformed; do all=$((all + $(number "$key" /run/counts))); done
	check "counters add up" "$(is "$(number asked /run/counts) == $all && $all == 2 * $NAMES")" "$(cat /run/counts)"
}

# --- upstreams

# gets NAME WHAT [SECONDS]: exactly that address, or a word of dig's status
gets() {
	local start=$EPOCHREALTIME ms
	/run/in-asks dig +tries=1 +timeout=12 @8.8.8.8 "$1.up.example" >/run/said 2>&1 || :
	ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	if grep -qE "(A|status:).$2(,|\$)" /run/said && [ $ms -lt "${3:-1000}" ] &&
		! grep -qE '192\.0\.2\.66|10\.0\.0\.' /run/said; then
		ok "upstream: $1: $2, $ms ms"
	else
		not_ok "upstream: $1: $2" "$ms ms: $(cat /run/said)"
	fi
}

upstreams() {
	echo "*.up.example" >/etc/terok/profiles/asks.txt
	for k in wrong-id wrong-case wrong-question forge-first truncate-udp servfail refused endless-tcp \
		loop-cname private drop; do
		printf '%s.up.example %s\n' "$k" "A 60 198.51.100.1" "$k" "do $k"
	done >/run/zone
	printf '%s\n' "slow.up.example A 60 198.51.100.1" "slow.up.example do truncate-udp" \
		"slow.up.example do slow-tcp 20" "late.up.example A 60 198.51.100.1" "late.up.example do delay 700" \
		"endless.up.example A 60 198.51.100.1" "endless.up.example do truncate-udp" \
		"endless.up.example do endless-tcp" "many.up.example A 60 198.51.100.1" "many.up.example do many 119" >>/run/zone
	read_zone
	make_guard asks
	"$BPFD" allow asks "*.up.example" >/run/out 2>&1 || :
	for k in wrong-id wrong-case wrong-question forge-first truncate-udp servfail refused loop-cname \
		private drop slow late endless many; do
		"$BPFD" allow asks "$k.up.example" >/run/out 2>&1 || fail "allow: $(cat /run/out)"
	done
	gets forge-first 198.51.100.1
	gets truncate-udp 198.51.100.1
	gets late 198.51.100.1 2000
	gets slow 198.51.100.1 6000
	gets wrong-case SERVFAIL 9000
	gets wrong-id SERVFAIL 9000
	gets wrong-question SERVFAIL 9000
	gets servfail SERVFAIL
	gets refused SERVFAIL
	gets loop-cname SERVFAIL 3000
	gets endless SERVFAIL 9000
	gets drop SERVFAIL 9000
	gets private 198.51.100.1
	for state in down up; do # what was answered in another state is not answered again
		"$BPFD" $state asks >/run/out 2>&1 || fail "$state: $(cat /run/out)"
	done
	gets private NOERROR # and no private address
	gets many 198.51.100.119 4000
}

make_net
floods
upstreams
[ $failures -eq 0 ]
