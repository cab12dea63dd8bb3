#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_server.sh - the tests' name server answers, and misbehaves, as its zone file says
#
# By dig, on loopback: what the other tests believe of the server is not our word alone.
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
command -v dig >/dev/null || { echo "SKIP: dig is not installed (tools/deps --install names)"; exit 77; }
[ -x "$B/tests/names/server" ] || { echo "$B/tests/names/server is not there (make test)"; exit 1; }
dir=$(mktemp -d)
trap 'kill $server 2>/dev/null; rm -rf "$dir"' EXIT
bad=0

cat >"$dir/zone" <<'EOT'
example            SOA 30 1
one.example        A 60 198.51.100.1		# a comment
one.example        AAAA 60 2001:db8::1
one.example        TXT 60 two words
*.wild.example     A 60 198.51.100.2
a.below.example    A 60 198.51.100.3
alias.example      CNAME 60 next.other
next.other         CNAME 60 one.example
lost.example       CNAME 60 nowhere.other
mail.example       MX 60 10 one.example
_s._tcp.example    SRV 60 1 2 443 one.example
web.example        HTTPS 60 1 . alpn=h2,h3 port=8443 ipv4hint=198.51.100.4,198.51.100.5 ipv6hint=2001:db8::4
1.100.51.198.in-addr.arpa PTR 60 one.example
late.example       A 60 198.51.100.1
late.example       do delay 300
never.example      do drop
id.example         A 60 198.51.100.1
id.example         do wrong-id
case.example       A 60 198.51.100.1
case.example       do wrong-case
question.example   A 60 198.51.100.1
question.example   do wrong-question
forged.example     A 60 198.51.100.1
forged.example     do forge-first
short.example      A 60 198.51.100.1
short.example      do truncate-udp
fail.example       do servfail
no.example         do refused
endless.example    A 60 198.51.100.1
endless.example    do endless-tcp
slow.example       A 60 198.51.100.1
slow.example       do slow-tcp 10
loop.example       do loop-cname
many.example       A 60 198.51.100.200
many.example       AAAA 60 2001:db8::ff
many.example       do many 119
turn.example       A 60 198.51.100.1
turn.example       A 60 198.51.100.2
turn.example       do rotate
next.example       A 60 198.51.100.1
next.example       A 60 198.51.100.2
next.example       do rotate 1
rebind.example     A 60 198.51.100.1
rebind.example     do private
EOT

mkfifo "$dir/said"
"$B/tests/names/server" 127.0.0.1,::1 0 "$dir/zone" >"$dir/said" &
server=$!
exec 8<"$dir/said"
read -r -t 10 _ port <&8 || { echo "not ok the server gets ready"; exit 1; }

ask() { dig +tries=1 +timeout=2 -p "$port" @127.0.0.1 "$@" 2>&1; }
# says NAME PATTERN ARG...: dig's output has the pattern; says_not: it has not
result() { # result NAME WHETHER
	if [ "$2" -eq 0 ]; then
		echo "ok $1"
	else
		echo "not ok $1"
		sed 's/^/   /' "$dir/out"
		bad=1
	fi
}
says() {
	local name=$1 pattern=$2
	shift 2
	ask "$@" >"$dir/out"
	grep -qE -- "$pattern" "$dir/out"
	result "$name" $?
}
says_not() {
	local name=$1 pattern=$2
	shift 2
	ask "$@" >"$dir/out"
	! grep -qE -- "$pattern" "$dir/out"
	result "$name" $?
}
# counts NAME N ARG...: +short prints so many lines
counts() {
	local name=$1 n=$2
	shift 2
	ask +short "$@" >"$dir/out"
	[ "$(wc -l <"$dir/out")" -eq "$n" ]
	result "$name" $?
}

says "an address" 'one.example.*60.*A.198.51.100.1$' one.example
read -r -t 5 line <&8
grep -qE '^query one.example A udp 127\.0\.0\.1:[0-9]+$' <<<"$line"
result "a question becomes a line: $line" $?
says "an address of IPv6, asked over IPv6" '2001:db8::1$' -6 @::1 one.example AAAA
says "by TCP" '198.51.100.1$' +tcp ONE.example
says "strings" '"two" "words"' one.example TXT
says "a wildcard" '198.51.100.2$' x.y.wild.example
says "but not its own name" 'NOERROR' wild.example
says "a name above names" 'NOERROR' below.example
says "no such name" 'NXDOMAIN' nothing.example
says "with how long that holds" 'example\..*30.*SOA.*ns\. admin\. 1 1 1 1 1$' nothing.example
says "no such type" 'ANSWER: 0, AUTHORITY: 1' one.example MX
counts "a chain of aliases across zones" 3 alias.example
says "an alias to nothing" 'NXDOMAIN' lost.example
says "MX" '10 one.example.$' mail.example MX
says "SRV" '1 2 443 one.example.$' _s._tcp.example SRV
says "HTTPS" '1 . alpn="h2,h3" port=8443 ipv4hint=198.51.100.4,198.51.100.5 ipv6hint=2001:db8::4$' \
	web.example HTTPS
says "PTR" 'PTR.one.example.$' -x 198.51.100.1
says "EDNS is answered with EDNS" 'udp: 1232' one.example
says "with the DNSSEC bit back" 'flags: do' +dnssec one.example
says_not "and plain DNS without" 'EDNS' +noedns one.example
# dig's clock is a coarse one
says "delay" 'Query time: (29.|[3-9]..|[0-9]{4,}) msec' late.example
says "drop" 'timed out' never.example
says "wrong-id" 'ID mismatch' id.example
says "wrong-case" 'CASE.EXAMPLE' case.example
says "wrong-question" 'Question section mismatch' question.example
says "forge-first: the right one comes second" 'ID mismatch' forged.example
says "forge-first: and it comes" '198.51.100.1$' forged.example
says "truncate-udp: by UDP nothing" 'flags:.* tc.*ANSWER: 0' +ignore short.example
says "truncate-udp: by TCP all" '198.51.100.1$' short.example
says "servfail" 'SERVFAIL' fail.example
says "refused" 'REFUSED' no.example
says "endless-tcp: by UDP all is well" '198.51.100.1$' endless.example
says_not "endless-tcp" '198.51.100.1$' +tcp endless.example
says "slow-tcp" 'Query time: ([4-9]..|[0-9]{4,}) msec' +tcp slow.example
says "loop-cname" 'loop.loop.example..*CNAME.loop.example.$' loop.example
counts "many, by TCP since UDP is too small" 119 many.example
counts "many of IPv6" 119 many.example AAAA
says "they count on" '198.51.101.62$' many.example
says "by UDP what fits, and TC" 'flags:.* tc.*ANSWER: 30,' +noedns +ignore many.example
for n in 1 2 1; do
	says "rotate: number $n" . +short turn.example
	[ "$(head -n 1 "$dir/out")" = "198.51.100.$n" ] && [ "$(wc -l <"$dir/out")" -eq 2 ]
	result "rotate: number $n is the first of both" $?
	says "rotate 1: number $n" . +short next.example
	[ "$(cat "$dir/out")" = "198.51.100.$n" ]
	result "rotate 1: number $n is the only one" $?
done
says "private: first as it should be" '^198.51.100.1$' +short rebind.example
says "private: then not" '^10.0.0.1$' +short rebind.example

echo "new.example A 1 198.51.100.9" >>"$dir/zone"
kill -HUP $server
while read -r -t 5 line <&8 && [ "$line" != zone ]; do :; done
says "without an SOA line there is one" '\..*60.*SOA.*\. \. 1 0 0 0 60$' nothing.test
says "the file is read again" '198.51.100.9$' new.example
exit $bad
