#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http2.sh - an upstream that speaks HTTP/2 alone: what holds for HTTP/1.1 holds there
#
# The upstream is node's, behind TLS of the test's own CA (upstream_h2.js).
set -u
dir='' port='' plain='' tls='' routes='' here='' server='' proxy='' audit=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
command -v node >/dev/null || { echo "SKIP: node is not installed (tools/deps --install proxy)"; exit 77; }

begin
node "$here/upstream_h2.js" "$dir/up" 2>"$dir/up/h2err" &
others=($!)
until_there "$dir/up/h2" || { cat "$dir/up/h2err"; exit 1; }
up=https://localhost:$(cat "$dir/up/h2")
echo '{"api": {"upstream": "'"$up"'"}, "other": {"upstream": "'"$up"'"}}' >"$routes"
secret=real-secret-0123456789 others_secret=the-others-secret-0123456789
credential api '{"type":"api_key","key":"'$secret'"}'
credential other '{"type":"api_key","key":"'$others_secret'"}'
api=$(token api) other=$(token other)
serve --log-level DEBUG
sessions() { cut -d' ' -f1 "$dir/up/h2seen" | sort -u | wc -l; }
rss() { awk '/'"$1"'/{print $2}' "/proc/$server/status"; }
sanitized() { grep -qa __asan_init "$proxy"; } # its memory is no measure

get() {
	code 200 "$api" '/echo?a=%2F&b' -H 'X-Mine: 1' -H 'X-MINE: 2' -H 'TE: trailers' -H 'X-Colon: a:' -H 'X-None;' -H 'Connection: X-Hop' -H 'X-Hop: 1' && saw '^:path: /echo?a=%2F&b' && saw '^:method: GET' && saw "^authorization: Bearer $secret" &&
		saw '^x-mine: 1, 2' && saw '^x-colon: a:' && saw '^x-none:' && didnt x-hop && didnt terok-p- && didnt '^transfer-encoding' && didnt '^te:' && has '^HTTP/1.1 200' && [ "$(grep -aic '^x-a: \|^set-cookie: ' "$dir/head")" = 4 ]
}
is "GET: its headers, its path, the secret and no token; a reply with its own" get
small() {
	local i
	for i in POST PUT PATCH DELETE; do code 200 "$api" /echo -X $i -d 'a small body' && saw "^:method: $i" && tail -c 12 "$dir/body" | grep -q '^a small body$' || return; done
	code 200 "$api" /sum -X POST -H 'Content-Length: 0' && body "0 $(sha256sum </dev/null | cut -d' ' -f1)" && code 204 "$api" /204 && has '^x-a: 1' && code 200 "$api" /x -I && has '^content-length: 1234'
}
is "bodies that are small, or none; 204; HEAD" small
large() {
	local sum before after
	head -c 50000000 /dev/urandom >"$dir/sent" && sum="50000000 $(sha256sum <"$dir/sent" | cut -d' ' -f1)" && before=$(rss VmRSS) &&
		code 200 "$api" /sum -X POST -T "$dir/sent" -H Expect: && body "$sum" && code 200 "$api" /sum -X POST -T "$dir/sent" -H 'Transfer-Encoding: chunked' && body "$sum" &&
		code 200 "$api" /sum -X POST -T "$dir/sent" -H 'Expect: 100-continue' && body "$sum" && code 200 "$api" '/big?50000000' && [ "$(stat -c %s "$dir/body")" = 50000000 ] &&
		code 200 "$api" '/unknown?50000000' && [ "$(stat -c %s "$dir/body")" = 50000000 ] && after=$(rss VmHWM) && echo "$before $after" && { sanitized || [ $((after - before)) -lt 8000 ]; }
}
is "50 MB pass each way, counted and in chunks, and cost a buffer" large
is "events arrive one by one" python3 "$here/client.py" sse "$port" "$api" "$dir/up/go"
trailers() {
	raw "GET /trailers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\n\r\n" >"$dir/body" && tr -d '\r' <"$dir/body" | tail -n 5 | tr '\n' '|' | grep -qi '0|X-Sum: 42|X-Two: a||$' &&
		raw "POST /their-trailers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Mine: 7\r\nAuthorization: evil\r\n\r\n" >"$dir/body" &&
		saw '^3 .*' && didnt evil
}
is "trailers come back; what goes is whole with them" trailers
interim() {
	raw "GET /hints HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\n\r\n" >"$dir/body" && grep -qa '^HTTP/1.1 103' "$dir/body" && grep -qai '^link: </s>' "$dir/body" && grep -qa hinted "$dir/body"
}
is "a reply before the reply is passed" interim
early() { code 413 "$api" /early -X POST -T "$dir/sent" -H Expect: && body 'too big'; }
is "a reply does not wait for the body" early
again() {
	local before i
	before=$(sessions) && for i in 1 2 3 4 5 6 7 8; do code 200 "$api" /echo || return; done
	[ $(($(sessions) - before)) -le 1 ]
}
is "one behind the other use a connection again" again
together() {
	local i pids=()
	for i in $(seq 60); do
		curl -s -m 30 -o "$dir/body$i" -H "Authorization: $api" "http://127.0.0.1:$port/together?60" & pids+=($!)
	done
	wait "${pids[@]}" && [ "$(cat "$dir"/body?? "$dir"/body? | tr -d '\n')" = "$(printf '60%.0s' $(seq 60))" ]
	local r=$?
	rm -f "$dir"/body[0-9]*
	return $r
}
is "60 at once, of which none is answered before the last is there" together
mixed() { # two routes at one upstream
	local i pids=() token s
	for i in $(seq 40); do
		token=$api
		[ $((i % 2)) = 0 ] || token=$other
		curl -s -m 30 -o "$dir/mixed$i" -D "$dir/head$i" -H "Authorization: $token" -H "X-Mine: mine-$i" "http://127.0.0.1:$port/mixed?40&word-$i" & pids+=($!)
	done
	wait "${pids[@]}" || return
	for i in $(seq 40); do
		s=$secret
		[ $((i % 2)) = 0 ] || s=$others_secret
		[ "$(sort "$dir/mixed$i" | uniq -c | tr -s ' ')" = " 2000 word-$i mine-$i Bearer $s" ] && tr -d '\r' <"$dir/head$i" | grep -qix "x-word: word-$i" || { sort "$dir/mixed$i" | uniq -c | head -n 3; return 1; }
	done
	rm "$dir"/mixed* "$dir"/head?*
}
is "40 at once, answered a piece of each in turn, have each its own reply, by its own secret" mixed
redirects() {
	code 200 "$api" "/redirect?/echo" && saw '^:path: /echo' && didnt "$secret" && didnt authorization && code 200 "$api" "/redirect?$up/echo" && didnt "$secret" &&
		: >"$dir/up/seen" && code 302 "$api" "/redirect?https://localhost:$tls/echo" && has "^location: https://localhost:$tls/echo" && code 302 "$api" "/redirect?http://localhost:$plain/echo" && [ ! -s "$dir/up/seen" ]
}
is "a redirect is followed without the secret, and not away from the upstream" redirects
stopped() {
	local i readers=()
	for i in 1 2 3 4; do
		python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET /big?50000000 HTTP/1.1\r\nHost: x\r\nAuthorization: " + sys.argv[2].encode() + b"\r\n\r\n")
s.recv(100)
print("reading", flush=True)
sys.stdin.read()' "$port" "$api" <"$dir/never" >"$dir/reader$i" & readers+=($!)
	done
	for i in 1 2 3 4; do until grep -q reading "$dir/reader$i"; do sleep 0.01; done; done
	local r=0
	for i in 1 2 3 4 5; do code 200 "$api" /sum -d xyz -m 5 && code 200 "$api" '/big?3000000' -m 5 || r=1; done
	kill "${readers[@]}"
	wait "${readers[@]}" 2>/dev/null
	return $r
}
mkfifo "$dir/never"
exec 9<>"$dir/never"
is "four that do not read stop nobody else" stopped
exec 9>&-
resets() {
	local path
	for path in /rst /rst-calm; do code 502 "$api" $path && body 'Upstream disconnected' && code 502 "$api" $path -d x && body 'Upstream disconnected' && code 200 "$api" /echo || return; done
	code 502 "$api" /rst-refused -d x
	for path in /rst-body /rst-unknown /dead-body; do
		! curl -s -m 10 -H "Authorization: $api" "http://127.0.0.1:$port$path" -o "$dir/body" || { echo "$path looks whole"; return 1; }
		[ "$(head -c 11 "$dir/body")" = 0123456789 ] || { echo "$path:"; cat "$dir/body"; return 1; }
		code 200 "$api" /echo -d mine && tail -c 4 "$dir/body" | grep -q '^mine$' || return
	done
	[ "$(curl -s -m 10 -H "Authorization: $api" "http://127.0.0.1:$port/short" -o "$dir/body" -w '%{http_code}')" = 502 ] || ! curl -s -m 10 -H "Authorization: $api" "http://127.0.0.1:$port/short" -o "$dir/body"
}
is "a stream that is reset is 502, or cut, and the next has its own reply" resets
dead() {
	local n
	n() { grep -c " $1 " "$dir/up/h2seen"; }
	: >"$dir/up/h2seen"
	code 502 "$api" /dead && body 'Upstream disconnected' && grep -c 'GET /dead' "$dir/up/h2seen" && [ "$(grep -c 'GET /dead' "$dir/up/h2seen")" -le 2 ] &&
		code 502 "$api" /dead -d x && [ "$(grep -c 'POST /dead' "$dir/up/h2seen")" = 1 ] && code 502 "$api" /goaway-error -d x && [ "$(grep -c 'POST /goaway-error' "$dir/up/h2seen")" = 1 ] && code 200 "$api" /echo
}
is "a connection that ends is 502, and what may do harm is not sent again" dead
goaway() {
	local i
	for i in 1 2 3 4 5; do code 200 "$api" /goaway && body 'and good bye' && code 200 "$api" /sum -d xyz && grep -q '^3 ' "$dir/body" || return; done
	code 200 "$api" '/goaway-big?20000000' && [ "$(stat -c %s "$dir/body")" = 20000000 ] && code 200 "$api" /sum -d xyz
}
is "who says good bye is heard to the end, and is not asked again" goaway
gone() { # clients that go in the middle leave no stream behind
	local i fds
	fds=$(ls "/proc/$server/fd" | wc -l)
	for i in $(seq 20); do timeout 0.1 curl -s -o /dev/null --limit-rate 100k -H "Authorization: $api" "http://127.0.0.1:$port/big?50000000"; done
	for i in $(seq 100); do [ "$(ls "/proc/$server/fd" | wc -l)" -le $((fds + 2)) ] && break; sleep 0.05; done
	echo "$fds, then $(ls "/proc/$server/fd" | wc -l)"; [ "$(ls "/proc/$server/fd" | wc -l)" -le $((fds + 2)) ] && code 200 "$api" /echo
}
is "clients that go leave nothing" gone
quiet() { ! grep -qa "$secret\|$others_secret\|terok-p-" "$dir/log" "$audit"; }
is "no secret and no token is in the log or the audit" quiet
finish
