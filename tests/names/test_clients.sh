#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_clients.sh - the resolvers that people's programs bring, each through what a name can do
#
# Four rounds. In "direct" the clients ask the tests' server itself, unguarded: what a client
# cannot do by itself is known, and every refusal has its control. In "guarded" the same
# clients are in a guard of names: they ask 8.8.8.8, which nobody can reach, get only what is
# allowed, and the server is asked by the agent alone. "synthetic" is the same with a synthetic
# address for each, which only connect() can use. In "exec" each question is a terok-bpfd exec
# of its own on the host side: no box, no namespace. With DIRECT=1 the first round only.
#
# The last lines are the tables, client by case; they go to the file NAMES_TABLE as well.
. "$(dirname "$0")/lib.sh"
NAMES_TABLE=${NAMES_TABLE:+$(readlink -f "$NAMES_TABLE")}
export NAMES_TABLE DIRECT="${DIRECT-}"
enter_lab

CLIENTS="glibc getent python curl musl busybox c-ares node node-resolve go
	dig dig-tcp dig-v6 dig-noedns dig-dnssec dig-ignore drill kdig"
CASES="allowed denied six only4 chain many truncated https ptr ptr-other
	search ndots three server6 stub use-vc dot"
# own: exec starts an agent. What a guard found before is not there: it is a new one each time.
EXEC_CASES="own own-denied allowed denied six only4 chain many truncated https ptr-other
	search ndots three server6 stub use-vc"
LIMIT_MS=1000 # a refusal that takes longer is one that a program waits for
failures=0    # counted by not_ok
GIVE_UP=60    # of them: what all wait for in vain would take too long
declare -A CELL ABSENT
declare -A FOUND  # CLIENT: the address of its "allowed", as it was told
declare -A NODATA # CLIENT: how it ends when a name has no such address
ROUND=            # while clients are asked
python=/usr/bin/python3
[ -x $python ] || python=$(command -v python3) || python=

# --- the clients

absent() { ABSENT[$1]=$2; echo "SKIP client_$1: $2"; }

make_clients() {
	local from=$HERE/client
	mkdir -p /run/c
	cc -D_GNU_SOURCE -O2 -o /run/c/glibc "${from}_getaddrinfo.c" 2>/run/out || fail "$(cat /run/out)"
	musl-gcc -O2 -static -o /run/c/musl "${from}_getaddrinfo.c" 2>/run/out ||
		absent musl "no musl-gcc (tools/deps --install names)"
	cc -O2 -o /run/c/c-ares "${from}_cares.c" -lcares 2>/run/out ||
		absent c-ares "no libc-ares-dev (tools/deps --install names)"
	CGO_ENABLED=0 GO111MODULE=off GOCACHE=/run/go HOME=/run go build -o /run/c/go "$from.go" 2>/run/out ||
		absent go "no golang (tools/deps --install names-large)"
	busybox nslookup --help >/run/out 2>&1
	grep -q -- -type /run/out || absent busybox "its nslookup takes no -type"
	command -v node >/run/out || {
		absent node "no nodejs (tools/deps --install names)"
		absent node-resolve "no nodejs (tools/deps --install names)"
	}
	[ -n "$python" ] || absent python "no python3 (tools/deps --install names)"
	for p in dig drill kdig; do
		command -v $p >/run/out && continue
		for c in $CLIENTS; do
			[ "${c%%-*}" != $p ] || absent "$c" "no $p (tools/deps --install names)"
		done
	done
}

# as_client CMD...: in the box, or as an exec of its own with RULES
as_client() {
	if [ "$ROUND" = exec ]; then
		"$BPFD" exec --no-ask "${RULES[@]}" -- /run/exec "$@"
	else
		inside "$@"
	fi
}

# What exec runs around the client, since its guard ends with it: is CONNECT open before and
# after, and how long did the client take?
make_exec() {
	cat >/run/exec <<-'EOT'
		#!/bin/bash
		reach() {
			if [ -n "$CONNECT" ] && curl -s -m 5 -o /run/page "http://$CONNECT/"; then
				echo open
			else
				echo closed
			fi
		}
		before=$(reach) start=$EPOCHREALTIME rc=0
		"$@" || rc=$?
		ms=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
		echo "$before $(reach) $ms" >/run/tried
		exit $rc
	EOT
	chmod 755 /run/exec
}

# ask CLIENT HOW NAME: any, 4, 6, ptr or https of it; what it printed is in /run/got, the rest
# in /run/said, and RC is 0, 2: no such name, or 3; MS is how long it took
ask() {
	local start=$EPOCHREALTIME
	RC=0
	: >/run/got
	: >/run/said
	: >/run/tried
	case $1 in
	glibc | musl | c-ares | go) as_client "/run/c/$1" "$2" "$3" >/run/got 2>/run/said || RC=$? ;;
	python) as_client "$python" "$HERE/client.py" "$2" "$3" >/run/got 2>/run/said || RC=$? ;;
	node) as_client node "$HERE/client.js" lookup "$2" "$3" >/run/got 2>/run/said || RC=$? ;;
	node-resolve) as_client node "$HERE/client.js" resolve "$2" "$3" >/run/got 2>/run/said || RC=$? ;;
	getent) ask_getent "$2" "$3" ;;
	curl) ask_curl "$2" "$3" ;;
	busybox) ask_busybox "$2" "$3" ;;
	*) ask_dig "$1" "$2" "$3" ;;
	esac
	MS=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	[ "$ROUND" != exec ] || read -r BEFORE AFTER MS </run/tried ||
		BEFORE="not run" AFTER="not run" MS=$LIMIT_MS
}

ask_getent() {
	case $1 in
	ptr) as_client getent hosts "$2" >/run/said 2>/run/out || RC=$? ;;
	any) as_client getent ahosts "$2" >/run/said 2>/run/out || RC=$? ;;
	*) as_client getent "ahostsv$1" "$2" >/run/said 2>/run/out || RC=$? ;;
	esac
	awk -v how="$1" 'how == "ptr" { print $2 } how != "ptr" && $2 == "STREAM" { print $1 }' /run/said >/run/got
}

ask_curl() {
	local -a family=()
	[ "$1" = any ] || family=("-$1")
	as_client curl -sS -m 10 -o /dev/null "${family[@]}" -w '%{remote_ip}\n' "http://$2/" >/run/got 2>/run/said || RC=$?
	sed -i '/^$/d' /run/got # no address
	case $RC in
	0) ;;
	6) RC=2 ;;
	*) RC=3 ;;
	esac
}

ask_busybox() {
	local print='/^Name:/,$ s/^Address: //p'
	local -a type=(-type=a)
	case $1 in
	6) type=(-type=aaaa) ;;
	ptr) type=() print='s/^.*name = //p' ;;
	esac
	as_client busybox nslookup "${type[@]}" "$2" >/run/said 2>&1 || RC=3
	sed -n "$print" /run/said >/run/got
	# it names each name of the search list that there is not
	if [ -s /run/got ]; then RC=0; elif grep -q NXDOMAIN /run/said; then RC=2; fi
}

# dig, kdig and drill print much the same
ask_dig() {
	local tool=${1%%-*} what=A
	local -a args=()
	case $1 in
	dig-tcp) args=(+tcp) ;;
	dig-v6) args=(-6 "@$NS6") ;;
	dig-noedns) args=(+noedns) ;;
	dig-dnssec) args=(+dnssec +bufsize=4096) ;;
	dig-ignore) args=(+ignore) ;;
	esac
	[ "$tool" != dig ] || args+=(+search)
	case $2 in
	6) what=AAAA ;;
	https) what=TYPE65 ;;
	esac
	if [ "$2" = ptr ]; then
		as_client "$tool" "${args[@]}" -x "$3" >/run/said 2>&1 || RC=3
	else
		as_client "$tool" "${args[@]}" "$3" $what >/run/said 2>&1 || RC=3
	fi
	awk '/^[^;]/ && ($4 == "A" || $4 == "AAAA" || $4 == "PTR" || $4 == "HTTPS" || $4 == "TYPE65") {
		$1 = $2 = $3 = $4 = ""; sub(/^ */, ""); print }' /run/said >/run/got
	if grep -qE '(status|rcode): NXDOMAIN' /run/said; then
		RC=2
	elif ! grep -qE '(status|rcode): NOERROR' /run/said; then
		RC=3
	fi
}

# --- the cases

# index CLIENT: a number of its own, so that no client finds open what another one asked for
index() {
	local n=0
	for c in $CLIENTS; do
		[ "$c" != "$1" ] || { echo $n; return; }
		n=$((n + 1))
	done
}

# takes CLIENT CASE: can it be asked that at all?
takes() {
	case $2 in
	https) case $1 in dig | drill | kdig) ;; *) return 1 ;; esac ;;
	dot) case $1 in curl | kdig) ;; *) return 1 ;; esac ;;
	ptr*) case $1 in curl | dig-*) return 1 ;; esac ;;
	search) case $1 in drill | kdig | node-resolve | dig-*) return 1 ;; esac ;;
	ndots | three | server6 | stub | use-vc) case $1 in dig-*) return 1 ;; esac ;;
	esac
}

# zone ROUND: what the server knows; of the guarded it knows as well what nobody may
zone() {
	local n
	echo "example SOA 30 1"
	for c in $CLIENTS; do
		n=$(index "$c")
		cat <<-EOT
			$c.allowed.example A 60 198.51.100.$((10 + n))
			$c.allowed.example AAAA 60 2001:db8::1:$((10 + n))
			$((10 + n)).100.51.198.in-addr.arpa PTR 60 $c.allowed.example
			$((40 + n)).100.51.198.in-addr.arpa PTR 60 other.example
			$c.six.example AAAA 60 2001:db8::6:$((10 + n))
			$c.chain.example CNAME 60 $c.next.test
			$c.next.test CNAME 60 $c.end.third.test
			$c.end.third.test A 60 198.51.100.$((70 + n))
			$c.many.example A 60 198.51.100.100
			$c.many.example do many 119
			$c.truncated.example A 60 198.51.100.$((220 + n))
			$c.truncated.example do truncate-udp
			$c.only4.example A 60 198.51.100.8
			$c.https.example HTTPS 60 1 . alpn=h2 ipv4hint=198.51.100.9
			$c.ndots.example A 60 198.51.100.8
		EOT
		for k in own search three server6 stub use-vc; do
			echo "$c.$k.example A 60 198.51.100.8"
		done
		[ "$1" != direct ] || continue
		echo "$c.denied.example A 60 198.51.100.7"
		echo "$c.own-denied.example A 60 198.51.100.7"
	done
}

# resolv CASE ROUND: the clients' resolv.conf
resolv() {
	local server=$NS
	[ "$2" = direct ] || server=8.8.8.8
	case $1 in
	search) printf 'search none.example search.example\nnameserver %s\n' $server ;;
	ndots) printf 'search one.corp.test two.corp.test\noptions ndots:5\nnameserver %s\n' $server ;;
	three) printf 'nameserver %s\nnameserver %s\nnameserver 198.51.100.54\n' $server $NS6 ;;
	server6) printf 'nameserver %s\n' $NS6 ;;
	stub) printf 'nameserver 127.0.0.53\noptions edns0 trust-ad\n' ;;
	use-vc) printf 'nameserver %s\noptions use-vc\n' $server ;;
	*) printf 'nameserver %s\n' $server ;;
	esac >/run/resolv
	[ "$2" != exec ] || cat /run/resolv >/etc/resolv.conf
}

# What a client cannot do by itself, and our server does not do for it: "some" of the
# addresses, or "none"; else "all".
expected() { # expected ROUND CLIENT CASE
	case $1/$2/$3 in
	*/musl/many | */busybox/many | */dig-ignore/many | */drill/many) echo some ;; # no TCP
	*/curl/many) echo some ;; # tells of the one that it took
	direct/musl/truncated | direct/busybox/truncated) echo none ;;
	direct/dig-ignore/truncated | direct/drill/truncated) echo none ;;
	*) echo all ;;
	esac
}

# good CLIENT CASE ROUND / bad ... WHY: one cell and one line
good() { CELL[$3/$1/$2]=$4; ok "$3: $1: $2"; }
bad() {
	CELL[$3/$1/$2]="**$4**"
	not_ok "$3: $1: $2" "$4 (exit $RC, $MS ms): $(tr '\n' ' ' </run/got) $(grep -v '^$' /run/said | tail -n 8)"
}

reach() { inside curl -s -m 5 -o /run/out "http://$1/"; }
url() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac }

# is_told ROUND ADDR TOLD: may this be told for that address?
is_told() {
	case $1/$2 in
	synthetic/*:*) [[ $3 =~ ^fd73:796e::[0-9a-f]{1,4}(:[0-9a-f]{1,4})*$ ]] ;;
	synthetic/*) [[ $3 =~ ^198\.1[89]\.[0-9]+\.[0-9]+$ ]] ;;
	*) [ "$3" = "$2" ] ;;
	esac
}

# no_detour ROUND ADDR: the address itself is open to nobody who did not ask, nor to anybody
# who was told another one
no_detour() {
	case $1 in
	guarded | synthetic) ! reach "$(url "$2")" ;;
	esac
}

# connects ROUND TOLD: after it was told
connects() {
	if [ "$1" = exec ]; then [ "$AFTER" = open ]; else reach "$(url "$2")"; fi
}

# wants CLIENT CASE ROUND HOW NAME ADDR: exactly this one, and where it is new it opens with it
wants() {
	local n told
	if opens "$2" && ! no_detour "$3" "$6"; then
		bad "$1" "$2" "$3" "open before it is asked for"
		return
	fi
	CONNECT=$(url "$6") ask "$1" "$4" "$5"
	n=$(grep -c . /run/got || :)
	told=$(cat /run/got)
	[ "$2" != allowed ] || FOUND[$1]=$told
	if [ "$(expected "$3" "$1" "$2")" = none ]; then
		if [ "$n" -gt 0 ]; then bad "$1" "$2" "$3" "answered"; else good "$1" "$2" "$3" "cannot"; fi
	elif [ $RC -ne 0 ]; then
		bad "$1" "$2" "$3" "failed"
	elif [ "$n" -ne 1 ] || ! is_told "$3" "$6" "$told"; then
		bad "$1" "$2" "$3" "other address"
	elif [ "$3" = exec ] && [ "$BEFORE" != closed ]; then
		bad "$1" "$2" "$3" "open before it is asked for"
	elif opens "$2" && ! connects "$3" "$told"; then
		bad "$1" "$2" "$3" "does not connect"
	elif [ "$3" = synthetic ] && opens "$2" && ! no_detour "$3" "$6"; then
		bad "$1" "$2" "$3" "opens the real one"
	else
		good "$1" "$2" "$3" ok
	fi
}
opens() { case $1 in own | allowed | six | chain | truncated) ;; *) return 1 ;; esac }

wants_many() {
	local n print='^198\.51\.100\.(1[0-9][0-9]|20[0-9]|21[0-8])$' all=119
	[ "$2" != synthetic ] || print='^198\.1[89]\.[0-9]+\.[0-9]+$' all=8
	CONNECT=198.51.100.100 ask "$1" 4 "$1.many.example"
	n=$(grep -cE "$print" /run/got || :)
	if [ $RC -ne 0 ] || [ "$n" -eq 0 ] || [ "$n" -ne "$(grep -c . /run/got)" ]; then
		bad "$1" many "$2" "failed"
	elif [ "$(expected "$2" "$1" many)" = all ] && [ "$n" -ne $all ]; then
		bad "$1" many "$2" "$n of $all"
	elif [ "$n" -gt $all ]; then
		bad "$1" many "$2" "$n, more than $all"
	elif ! connects "$2" "$(tail -n 1 /run/got)"; then
		bad "$1" many "$2" "the last does not connect"
	else
		good "$1" many "$2" "$n"
	fi
}

# It has no IPv6 address, so none is made up; getent wants the other one mapped then. How a client
# takes that, the first round shows.
wants_only4() {
	ask "$1" 6 "$1.only4.example"
	[ "$2" != direct ] || NODATA[$1]=$RC
	if grep -qv '^::ffff:' /run/got || { [ -s /run/got ] && [ "$1" != getent ]; }; then
		bad "$1" only4 "$2" "answered"
	elif [ $RC != "${NODATA[$1]-}" ]; then
		bad "$1" only4 "$2" "not as by the server itself"
	elif [ "$MS" -ge $LIMIT_MS ]; then
		bad "$1" only4 "$2" "after $MS ms"
	else
		good "$1" only4 "$2" ok
	fi
}

# refused, as a name that there is not, and at once
wants_unknown() { # wants_unknown CLIENT CASE ROUND HOW NAME
	CONNECT=198.51.100.7 ask "$1" "$4" "$5"
	if [ $RC -ne 2 ] || [ -s /run/got ]; then
		bad "$1" "$2" "$3" "not as unknown"
	elif [ "$3" = exec ] && [ "$AFTER" != closed ]; then
		bad "$1" "$2" "$3" "connects"
	elif [ "$MS" -ge $LIMIT_MS ]; then
		bad "$1" "$2" "$3" "after $MS ms"
	else
		good "$1" "$2" "$3" "unknown, $MS ms"
	fi
}

# the record is there; its addresses, which no policy knows of, are not
wants_https() {
	ask "$1" https "$1.https.example"
	if [ $RC -ne 0 ]; then
		bad "$1" https "$2" failed
	elif [ "$2" = direct ] && ! grep -qiE 'ipv4hint|C6336409' /run/got; then
		bad "$1" https "$2" "no hints to take out"
	elif [ "$2" != direct ] && grep -qiE 'hint|C6336409' /run/got; then
		bad "$1" https "$2" "hints"
	elif [ "$2" = synthetic ] && [ -s /run/got ]; then
		bad "$1" https "$2" "may lead to another name"
	elif [ -s /run/got ]; then
		good "$1" https "$2" ok
	else
		good "$1" https "$2" "no data"
	fi
}

wants_ptr() {
	ask "$1" ptr "${FOUND[$1]-}"
	if [ $RC -eq 0 ] && [ "$(sed 's/\.$//' /run/got)" = "$1.allowed.example" ]; then
		good "$1" ptr "$2" ok
	else
		bad "$1" ptr "$2" "no name"
	fi
}

# an address that nobody was given; upstream would know its name
wants_other_ptr() {
	if [ "$2" != direct ]; then
		wants_unknown "$1" ptr-other "$2" ptr "198.51.100.$((40 + $(index "$1")))"
		return
	fi
	ask "$1" ptr "198.51.100.$((40 + $(index "$1")))"
	if grep -q '^other.example' /run/got; then
		good "$1" ptr-other "$2" ok
	else
		bad "$1" ptr-other "$2" "no name"
	fi
}

# names by TLS: nobody listens to them, so nobody may ask that way
wants_no_tls() {
	local start=$EPOCHREALTIME
	RC=0
	if [ "$1" = curl ]; then
		inside curl -sS -m 5 -o /run/got "http://$NS:853/" 2>/run/said || RC=$?
	else
		inside kdig +tls +retry=0 +timeout=5 "@$NS" kdig.allowed.example >/run/got 2>/run/said || RC=$?
	fi
	MS=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	if [ "$2/$1" = direct/curl ]; then
		if [ $RC -eq 0 ]; then good "$1" dot "$2" reached; else bad "$1" dot "$2" "not reached"; fi
	elif [ "$2" = direct ]; then
		good "$1" dot "$2" – # a web server is no name server
	elif [ $RC -eq 0 ] || [ "$MS" -ge $LIMIT_MS ]; then
		bad "$1" dot "$2" "reached, or waited for"
	else
		good "$1" dot "$2" "refused, $MS ms"
	fi
}

# one CLIENT CASE ROUND
one() {
	local n
	n=$(index "$1")
	case $2 in
	allowed) wants "$@" 4 "$1.allowed.example" "198.51.100.$((10 + n))" ;;
	*denied) wants_unknown "$@" any "$1.$2.example" ;;
	six) wants "$@" 6 "$1.six.example" "2001:db8::6:$((10 + n))" ;;
	only4) wants_only4 "$1" "$3" ;;
	chain) wants "$@" 4 "$1.chain.example" "198.51.100.$((70 + n))" ;;
	many) wants_many "$1" "$3" ;;
	truncated) wants "$@" 4 "$1.truncated.example" "198.51.100.$((220 + n))" ;;
	https) wants_https "$1" "$3" ;;
	ptr) wants_ptr "$1" "$3" ;;
	ptr-other) wants_other_ptr "$1" "$3" ;;
	dot) wants_no_tls "$1" "$3" ;;
	search) wants "$@" 4 "$1" 198.51.100.8 ;;
	*) wants "$@" 4 "$1.$2.example" 198.51.100.8 ;;
	esac
}

# sources ROUND SERVER: whoever looks sees an answer of the server that it asked
sources() {
	[ -n "$python" ] || return 0
	inside "$python" "$HERE/client_source.py" glibc.allowed.example "$2" $NS6 $INSIDE >/run/sources ||
		not_ok "$1: sources" "the client ended"
	while read -r line; do
		case $line in
		*": ok") ok "$1: source: ${line%: ok}" ;;
		*) not_ok "$1: source: ${line%%: *}" "${line#*: }" ;;
		esac
	done </run/sources
}

# go_round ROUND CASE...
go_round() {
	local k
	ROUND=$1
	for k in "${@:2}"; do
		resolv "$k" "$1"
		for c in $CLIENTS; do
			[ -z "${ABSENT[$c]-}" ] && takes "$c" "$k" || continue
			[ $failures -lt $GIVE_UP ] || {
				CELL[$1/$c/$k]="not asked"
				continue
			}
			RULES=(--allow "$c.$k.example")
			[[ $k != *denied ]] || RULES=(--allow "$c.allowed.example")
			one "$c" "$k" "$1"
		done
	done
	ROUND=
}

# --- the rounds

direct_round() {
	zone direct >/run/zone
	start_server
	# a stub as systemd's, in the box itself
	nsenter --net=/run/netns/box "$B/tests/names/server" 127.0.0.53 53 /run/zone >/run/stub &
	local stub=$!
	await "the stub" grep -q ^ready /run/stub
	# shellcheck disable=SC2086 # words
	go_round direct $CASES
	sources direct $NS
	kill $stub
	# controls of what the other rounds find nothing of
	check_log "direct: the box asks the server" "udp $INSIDE:"
	check_log "direct: over IPv6 as well" "udp \[$INSIDE6\]:"
	check_log "direct: for names that there are not" "query glibc.denied.example"
	check_log "direct: for names of the search list" "corp.test"
	check_log "direct: for the names of addresses" "in-addr.arpa PTR"
	check_log "direct: use-vc is TCP" "query glibc.use-vc.example A tcp"
}

check_log() {
	if grep -q -- "$2" /run/queries; then ok "$1"; else not_ok "$1" "no '$2' in $(wc -l </run/queries) questions"; fi
}
check_no_log() {
	if grep -- "$2" /run/queries >/run/out; then not_ok "$1" "$(cat /run/out)"; else ok "$1"; fi
}

# Upstream knows what is denied: unguarded, the box finds it.
control_denied() { # control_denied ROUND
	resolv denied direct
	ask glibc 4 glibc.denied.example
	if [ "$(cat /run/got)" = 198.51.100.7 ] && reach 198.51.100.7; then
		ok "$1: control: upstream knows what is denied"
	else
		not_ok "$1: control: upstream knows what is denied" "$(cat /run/got /run/said)"
	fi
	: >/run/queries
}

# what a refusal says to those who can read it
refusal() { # refusal ROUND
	[ -z "${ABSENT[dig]-}" ] || return 0
	resolv denied "$1"
	ask dig 4 dig.denied.example
	if grep -q 'EDE: 15' /run/said; then ok "$1: a refusal says so"; else
		not_ok "$1: a refusal says so" "$(cat /run/said)"
	fi
	if grep -qE 'SOA.* 1$' /run/said; then ok "$1: a refusal may be remembered for a second"; else
		not_ok "$1: a refusal may be remembered for a second" "$(cat /run/said)"
	fi
}

# An agent that is gone opens nothing, and what was opened stays.
agent_killed() { # agent_killed ROUND
	kill -KILL $AGENT
	wait $AGENT 2>/run/out || :
	resolv allowed "$1"
	for _ in $(seq 40); do # what it started may need a moment to see that it is alone
		: >/run/queries
		ask glibc 4 glibc.use-vc.example
		[ $RC -eq 0 ] || break
		sleep 0.05
	done
	if [ $RC -ne 0 ] && [ "$MS" -lt $LIMIT_MS ]; then ok "$1: no agent, no names, at once"; else
		not_ok "$1: no agent, no names, at once" "exit $RC, $MS ms: $(cat /run/got /run/said)"
	fi
	if reach "${FOUND[glibc]-}"; then ok "$1: no agent, what was found is open"; else
		not_ok "$1: no agent, what was found is open" "refused"
	fi
	if reach 198.51.100.7; then not_ok "$1: no agent, nothing else is" "open"; else
		ok "$1: no agent, nothing else is"
	fi
	check_no_log "$1: no agent, nobody is asked" query
}

guarded_round() { # guarded_round ROUND MODE
	export TEROK_STATE=/run/terok-state-$1
	zone "$1" >/run/zone
	read_zone
	control_denied "$1"
	start_agent --upstream $NS
	"$BPFD" attach $BOX --name t --names "$2" >/run/out 2>&1 || fail "attach: $(cat /run/out)"
	for k in $CASES; do
		case $k in denied | ptr* | dot) continue ;; esac
		for c in $CLIENTS; do
			"$BPFD" allow t "$c.$k.example" >/run/out 2>&1 || fail "allow: $(cat /run/out)"
		done
	done
	# shellcheck disable=SC2086 # words
	go_round "$1" $CASES
	sources "$1" 8.8.8.8
	refusal "$1"
	check_log "$1: the agent asks for what is allowed" "query glibc.allowed.example"
	check_no_log "$1: nobody else asks" "$INSIDE\|$INSIDE6"
	check_no_log "$1: no denied name left the host" "denied"
	check_no_log "$1: none of the search list" "corp.test\|none.example"
	check_no_log "$1: nor the name of an address" PTR
	check_no_log "$1: an alias is followed inside the answer" "query [a-z0-9-]*\.\(next\|end\)\."
	agent_killed "$1"
	"$BPFD" unload >/run/out 2>&1 || not_ok "unload" "$(cat /run/out)"
}

# no_agent: the one that an exec started ended by itself, and left nothing
no_agent() { ! pgrep -f "terok-bpfd run --transient"; }

exec_round() {
	local own=() with=()
	export TEROK_STATE=/run/terok-state-exec TEROK_RESOLV_CONF=/run/upstream
	for k in $EXEC_CASES; do
		case $k in own*) own+=("$k") ;; *) with+=("$k") ;; esac
	done
	zone exec >/run/zone
	read_zone
	make_exec
	echo "nameserver $NS" >/run/upstream
	go_round exec "${own[@]}"
	await "the agent that exec started stays" no_agent
	check_log "exec: its agent asks whom the host asks" "query glibc.own.example"
	start_agent --upstream $NS
	go_round exec "${with[@]}"
	check_log "exec: the agent asks for what is allowed" "query glibc.allowed.example"
	check_no_log "exec: no denied name left the host" "denied"
	check_no_log "exec: none of the search list" "corp.test\|none.example"
	check_no_log "exec: nor the name of an address" PTR
	kill $AGENT
	wait $AGENT 2>/run/out || :
	: >/etc/resolv.conf
	"$BPFD" unload >/run/out 2>&1 || not_ok "exec: unload" "$(cat /run/out)"
}

table() { # table ROUND TITLE CASE...
	local line k
	printf '\n### %s\n\n| client |' "$2"
	printf ' %s |' "${@:3}"
	printf '\n|---|'
	for k in "${@:3}"; do printf '%s' '---|'; done
	printf '\n'
	for c in $CLIENTS; do
		line="| $c |"
		for k in "${@:3}"; do
			if [ -n "${ABSENT[$c]-}" ]; then line+=" absent |"; else line+=" ${CELL[$1/$c/$k]-} |"; fi
		done
		echo "$line"
	done
}

# shellcheck disable=SC2086 # words
tables() {
	table direct "Asked directly, unguarded" $CASES
	[ -n "$guards" ] || return 0
	table guarded "Guarded, names for policy" $CASES
	table synthetic "Guarded, synthetic" $CASES
	table exec "exec" $EXEC_CASES
}

make_net
make_clients
direct_round
guards=
if [ -n "$DIRECT" ]; then
	echo "SKIP guarded_round: DIRECT=1"
elif has_names; then
	guards=1
	guarded_round guarded learn
	guarded_round synthetic synthetic
	exec_round
else
	echo "SKIP guarded_round: this build's guards know no names"
fi
tables | tee /run/table
[ -z "$NAMES_TABLE" ] || cat /run/table >"$NAMES_TABLE"
[ $failures -eq 0 ]
