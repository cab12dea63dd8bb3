#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http.sh - the proxy's HTTP side with curl, against an upstream behind TLS with the test's own CA
#
# A store, routes and ports of its own; "statement N" is of the contract's list. With SCHEME=http the
# upstream is in the clear (test_http_plain.sh).
set -u
dir='' port='' plain='' tls='' routes='' audit='' db='' proxy='' here=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
[ "${SCHEME:=https}" = https ] && at=$tls || at=$plain
up=$SCHEME://localhost:$at
routes_write() {
	cat >"$routes.new" <<-E
		{"api": {"upstream": "$up"}, "plain": {"upstream": "http://localhost:$plain/base/"},
		 "claude": {"upstream": "$up", "auth_header": "dynamic"},
		 "gh": {"upstream": "$up", "auth_prefix": "token "},
		 "gitlab": {"upstream": "$up", "auth_header": "PRIVATE-TOKEN", "auth_prefix": ""},
		 "anthropic": {"upstream": "$up", "oauth_extra_headers": {"anthropic-beta": "oauth-1"},
		  "oauth_refresh": {"token_url": "$up/token", "client_id": "id"}},
		 "codex": {"upstream": "$up/api", "path_upstreams": {"/a/": "http://localhost:$plain", "/a/b/": "http://localhost:$plain/deep"}},
		 "down": {"upstream": "https://localhost:1"}, "empty": {"upstream": "$up"}, "other": {"upstream": "https://127.0.0.1:$tls"}}
	E
	mv "$routes.new" "$routes"
}
routes_write
secret=real-secret-0123456789
credential api '{"type":"api_key","key":"'$secret'"}'
for p in plain codex down other; do credential $p '{"type":"api_key","key":"'$secret'"}'; done
credential claude '{"type":"api_key","key":"'$secret'"}'
credential gh '{"type":"pat","token":"'$secret'"}'
credential gitlab '{"type":"pat","token":"'$secret'"}'
credential anthropic '{"type":"oauth","access_token":"access-1","refresh_token":"refresh-1","expires_at":4102444800}'
api=$(token api)
serve --log-level DEBUG

# --- who may ---------------------------------------------------------------------------------

health() { code 200 '' /-/health && body '{"status": "ok"}'; } # statement 51
is "health needs no token" health
ways() { # statement 52
	local h
	for h in "Authorization: Bearer $api" "Authorization: token $api" "Authorization: $api" "x-api-key: $api" "PRIVATE-TOKEN: $api"; do
		code 200 '' /echo -H "$h" && saw "^Authorization: Bearer $secret" && didnt terok-p- || return
	done
	code 200 '' /echo -H "Authorization: Bearer $api" -H "x-api-key: wrong" && didnt x-api-key
}
is "a token is shown in any of three headers, and goes no further" ways
nobody() { # statement 53
	code 401 '' /echo && body 'Missing authentication' && code 401 terok-p-00000000000000000000000000000000 /echo && body 'Invalid token'
	local t
	t=$(token api) && code 200 "$t" /echo && "$proxy" token revoke "$t" >/dev/null && code 401 "$t" /echo && body 'Invalid token'
}
is "no token and one that is revoked are 401 at once" nobody
none() { # statement 55
	local t
	t=$(token nobody) && code 404 "$t" / && body 'No route for provider: nobody' &&
		t=$(token empty) && code 502 "$t" / && body 'Credential not configured for this provider' &&
		python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db: db.execute("INSERT INTO credentials VALUES (?, ?, ?)", ("default", "empty", "{\"type\":\"api_key\"}"))' "$db" && code 502 "$t" / && body 'Credential misconfigured'
}
is "no route is 404; no credential, and one without a secret, 502" none
terms() {
	local t
	t=$(token api --method GET --path '/echo' --path '/v1/**') && code 200 "$t" /echo?x && code 200 "$t" /v1/a/b &&
		code 403 "$t" /echo -d x && code 403 "$t" /other && code 403 "$t" /v1/../other && code 403 "$t" /v1/%2e%2e/other || return
	t=$(token api --container c1) && code 401 "$t" /echo || return
	t=$(token api --budget 3) && code 200 "$t" /echo && code 200 "$t" /echo && code 200 "$t" /echo && code 429 "$t" /echo || return
	t=$(token api --for 1s) && code 200 "$t" /echo || return
	local until=$((SECONDS + 10))
	until code 401 "$t" /echo >/dev/null; do [ $SECONDS -lt $until ] || { echo "it never ends"; return 1; }; done
}
is "a token is good for its methods, paths, container, requests and time" terms
forms() {
	local form
	for form in 'GET http://evil/ HTTP/1.1' 'CONNECT evil:443 HTTP/1.1' 'GET echo HTTP/1.1' 'GET * HTTP/1.1'; do
		raw "$form\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\n\r\n" | head -1 | grep -q ' 400 ' || { echo "$form"; return 1; }
	done
}
is "a target that names a host is no request" forms
told_back() {
	local method
	for method in TRACE trace TRACK; do code 405 "$api" /echo -X $method && ! grep -q "$secret" "$dir/body" || return; done
}
is "what an upstream would say back is not asked" told_back
other_method() { # HEAD with a body went on as PUT; and what some upstreams take for the method or the path
	local t header before
	t=$(token api --method GET --method HEAD --path '/echo') && before=$(grep -ac '^PUT' "$dir/up/seen")
	raw "HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $t\r\nContent-Length: 2\r\n\r\nxx" | head -1 | grep -q ' 400 ' || return
	for header in X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-Original-URL X-Rewrite-URL X_HTTP_METHOD-override; do code 403 "$t" /echo -H "$header: DELETE" || return; done
	code 200 "$api" /echo -H 'X-HTTP-Method-Override: DELETE' && [ "$(grep -ac '^PUT' "$dir/up/seen")" = "$before" ]
}
is "a token's methods and paths are what the upstream sees" other_method

# --- which secret ----------------------------------------------------------------------------

kinds() { # statements 56, 57
	local t
	t=$(token claude) && code 200 "$t" /echo && saw "^x-api-key: $secret" && didnt authorization &&
		t=$(token gh) && code 200 "$t" /echo && saw "^Authorization: token $secret" &&
		t=$(token gitlab) && code 200 "$t" /echo -H 'PRIVATE-TOKEN: mine' && saw "^PRIVATE-TOKEN: $secret" && didnt mine &&
		t=$(token anthropic) && code 200 "$t" /echo && saw '^Authorization: Bearer access-1'
}
is "each kind of credential has its header" kinds
beta() { # statement 58
	local t
	t=$(token anthropic) && code 200 "$t" /echo && saw '^anthropic-beta: oauth-1' &&
		code 200 "$t" /echo -H 'Anthropic-Beta: a, b' && saw '^Anthropic-Beta: a, b, oauth-1' && [ "$(grep -aic anthropic-beta "$dir/body")" = 1 ] &&
		code 200 "$t" /echo -H 'anthropic-beta: oauth-1,b' && saw '^anthropic-beta: oauth-1,b.\?$' &&
		code 200 "$t" /echo -H 'anthropic-beta: oauth-12' && saw '^anthropic-beta: oauth-12, oauth-1' &&
		code 200 "$api" /echo && didnt anthropic-beta
}
is "an extra header is appended to the client's own, once" beta
paths() { # statement 67
	local t
	t=$(token codex) && code 200 "$t" /echo && code 200 "$t" /a/echo && code 200 "$t" /ab/echo && code 200 "$t" /a/b/echo && code 200 "$t" /a
	grep -a '^GET' "$dir/up/seen" | tail -n 5 | cut -d' ' -f2 | tr '\n' ' ' | grep -qx '/api/echo /a/echo /api/ab/echo /deep/a/b/echo /a '
}
is "the longest prefix of whole segments says where a request goes" paths

# --- byte for byte ---------------------------------------------------------------------------

exact() { # statement 59
	local t target='/%2Fa%2f%20%zz/../b//c;d?x=%26&y=+%2B&z=a%23b&&=?/'
	code 200 "$api" "$target" && tail -n 40 "$dir/up/seen" | grep -qaF "GET $target HTTP/1.1" && t=$(token plain) &&
		code 200 "$t" "$target" && tail -n 40 "$dir/up/seen" | grep -qaF "GET /base$target HTTP/1.1"
}
is "path and query go as they came" exact
headers() {
	code 200 "$api" /echo -H 'X-B: 1' -H 'X-a: 2' -H 'X-B: 3' -H 'Accept-Encoding: x-odd, gzip' -H 'X-Empty;' -H 'Connection: X-Hop, close' -H 'X-Hop: 1' \
		-H 'TE: trailers' -H 'User-Agent: me' -H 'Accept:' &&
		grep -ai '^x-' "$dir/body" | tr -d '\r' | tr '\n' '|' | grep -qxF 'X-B: 1|X-a: 2|X-B: 3|X-Empty:|' && saw '^Accept-Encoding: x-odd, gzip' &&
		didnt '^te:' && didnt '^connection:' && didnt '^accept:' && saw '^User-Agent: me' && saw "^Host: localhost:$at" || return
	code 200 "$api" /echo -H 'Accept-Encoding:' && didnt accept-encoding
}
is "headers go in their order, twice if they came twice, without those of one hop" headers
replies() { # statement 65
	code 200 "$api" /headers && head -1 "$dir/head" | grep -q '^HTTP/1.1 200 Very Well' && hasnt x-hop && hasnt keep-alive &&
		grep -vi '^HTTP\|content-length' "$dir/head" | tr -d '\r' | tr '\n' '|' | grep -qxF \
			'Server: up|Date: Thu, 01 Jan 1970 00:00:00 GMT|Set-Cookie: a=1|X-Between: 1|Set-Cookie: b=2|Link: <x>; rel=next|ETag: "e"|X-RateLimit-Remaining: 7||'
}
is "replies come with all their headers in their order" replies
bodies() { # statements 63, 64
	head -c 3000000 /dev/urandom >"$dir/sent"
	local sum
	sum="3000000 $(sha256sum "$dir/sent" | cut -d' ' -f1)"
	code 200 "$api" /sum --data-binary @"$dir/sent" -H Expect: && body "$sum" && code 200 "$api" /sum -T "$dir/sent" -H 'Transfer-Encoding: chunked' -X POST && body "$sum" &&
		code 200 "$api" /sum -X DELETE --data-binary @"$dir/sent" && body "$sum" && code 200 "$api" /gzip && cmp "$dir/body" <(python3 -c \
			'import gzip,sys; sys.stdout.buffer.write(gzip.compress(b"hello"*100, mtime=0))') && has '^content-encoding: gzip'
}
is "bodies of any size pass both ways as they are" bodies
large() {
	head -c 140000000 /dev/zero | code 200 "$api" /sum -T - -X POST && grep -q ^140000000 "$dir/body"
}
is "more than 128 MiB pass" large
small() {
	code 200 "$api" /head -I && has '^content-length: 1234' && [ ! -s "$dir/body" ] || [ "$(head -c 4 "$dir/body")" = HTTP ] || return
	code 204 "$api" /204 && has '^x-a: 1' && hasnt content-length && code 304 "$api" /304 && has '^etag: "x"' && code 200 "$api" /close && body 'until the end' &&
		code 200 "$api" /sum -X POST -H 'Content-Length: 0' && body "0 $(sha256sum </dev/null | cut -d' ' -f1)"
}
is "HEAD, 204, 304 and replies that end with their connection" small
chunked() {
	raw "GET /trailers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\n\r\n" >"$dir/body" && tail -c 45 "$dir/body" | tr -d '\r' | tr '\n' '|' | grep -q '0|X-Sum: 42|X-Two: a||$' &&
		raw "POST /sum HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Mine: 7\r\n\r\n" | grep -qa '^3 ' &&
		grep -qa '^X-Mine: 7' "$dir/up/trailers"
}
is "trailers pass both ways" chunked
interim() {
	raw "GET /hints HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\n\r\n" >"$dir/body" && grep -qa '^HTTP/1.1 103' "$dir/body" && grep -qa '^Link: </s>' "$dir/body" && grep -qa hinted "$dir/body" &&
		raw "POST /expect HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok" >"$dir/body" && head -1 "$dir/body" | grep -q '100 Continue' &&
		raw "POST /expect?no HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n" >"$dir/body" && head -1 "$dir/body" | grep -q ' 417 '
}
is "the upstream says whether a body is wanted" interim
early() { code 413 "$api" /early -T "$dir/sent" -X POST -H Expect: && body 'too big'; }
is "a reply does not wait for the body" early

# --- streams ---------------------------------------------------------------------------------

is "events arrive one by one" python3 "$here/client.py" sse "$port" "$api" "$dir/up/go" # statement 61
sanitized() { grep -qa __asan_init "$proxy"; } # its memory is no measure
memory() {
	local before after
	before=$(awk '/VmRSS/{print $2}' "/proc/$server/status")
	[ "$(python3 "$here/client.py" slow "$port" "$api" 50000000)" = 50000000 ] && after=$(awk '/VmHWM/{print $2}' "/proc/$server/status") &&
		echo "$before $after" && { sanitized || [ $((after - before)) -lt 8000 ]; }
}
is "a slow client costs a buffer, and loses nothing" memory
idle() {
	local before after
	exec 7> >(python3 "$here/client.py" idle "$port" 1000 "$api" >"$dir/idle")
	before=$(awk '/VmRSS/{print $2}' "/proc/$server/status")
	for ((i = 0; i < 1000; i++)); do
		grep -q ready "$dir/idle" 2>/dev/null && break
		sleep 0.02
	done
	after=$(awk '/VmRSS/{print $2}' "/proc/$server/status")
	exec 7>&-
	echo "$before $after" && grep -q ready "$dir/idle" && { sanitized || [ $((after - before)) -lt 16000 ]; }
}
is "1000 connections that are idle cost less than 16 KiB each" idle
cut() { ! curl -s -m 10 -H "Authorization: $api" "http://127.0.0.1:$port/half" -o "$dir/body" && [ "$(cat "$dir/body")" = 0123456789 ]; }
is "a reply that is cut does not look whole" cut
websocket() { # statement 68
	python3 "$here/client.py" ws "$port" "$api" >"$dir/body" && cat "$dir/body" && grep -q '^HTTP/1.1 101' "$dir/body" && grep -qi 'Sec-WebSocket-Protocol: one' "$dir/body" &&
		! grep -qi extensions "$dir/body" && grep -q '^then 880203f3' "$dir/body" && ! tail -n 12 "$dir/up/seen" | grep -qi extensions && tail -n 12 "$dir/up/seen" | grep -q "$secret"
}
is "a WebSocket passes text, binary and pings; an upstream that goes closes it with 1011" websocket
nosocket() {
	local t
	t=$(token down) && code 502 "$t" / -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Key: x' && body 'Upstream websocket failed'
}
is "a WebSocket to nobody is 502" nosocket

# --- what goes wrong --------------------------------------------------------------------------

renew() { # SUBJECT-ALT-NAME CA: its certificate from now on
	openssl x509 -req -in "$dir/up/csr.pem" -CA "$dir/up/$2.pem" -CAkey "$dir/up/$2.key" -CAcreateserial -days 2 -out "$dir/up/cert.new" -extfile <(echo "subjectAltName=$1") 2>/dev/null &&
		mv "$dir/up/cert.new" "$dir/up/cert.pem"
}
impostor() { # also where it is known what is spoken, and libcurl is not asked first
	local as
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/up/odd.key" -out "$dir/up/odd.pem" -days 2 -subj "/CN=another CA" 2>/dev/null
	for as in 'DNS:localhost odd' 'DNS:elsewhere ca' 'DNS:*.localhost ca' 'IP:127.0.0.1 ca'; do
		renew DNS:localhost ca && serve --log-level DEBUG && code 200 "$api" /bye && code 200 "$api" /bye && : >"$dir/up/seen" || return
		renew $as && code 502 "$api" /echo && body 'Upstream request failed' && [ ! -s "$dir/up/seen" ] && grep -q "an upstream's TLS: " "$dir/log" || { echo "taken: $as"; return 1; }
	done
	renew DNS:localhost ca && code 200 "$api" /echo && serve --log-level DEBUG # which has no doubts
}
[ "$SCHEME" = http ] || is "an upstream whose certificate becomes another's is 502, and hears nothing" impostor
down() { # statement 60
	local t
	t=$(token down) && code 502 "$t" / && body 'Upstream request failed' && code 502 "$api" /junk && body 'Upstream request failed' && hasnt localhost &&
		t=$(token other) && code 502 "$t" /echo && body 'Upstream request failed' # its certificate is another's
}
is "an upstream that is not there, or not who it should be, is 502 without its name" down
again() { # statement 62
	local n
	: >"$dir/up/seen" && code 502 "$api" /dead && body 'Upstream disconnected' && n=$(grep -ac '^GET /dead ' "$dir/up/seen") && echo "$n" && [ "$n" = 2 ] &&
		code 502 "$api" /dead -d x && [ "$(grep -ac '^POST /dead ' "$dir/up/seen")" = 1 ] && code 502 "$api" /dead -X POST && [ "$(grep -ac '^POST /dead ' "$dir/up/seen")" = 2 ] &&
		code 502 "$api" /dead -d x -H 'Idempotency-Key: k' && [ "$(grep -ac '^POST /dead ' "$dir/up/seen")" = 4 ]
}
is "what does no harm is sent once more, and nothing else is" again
stale() {
	local i
	for i in 1 2 3; do code 200 "$api" /dead-later && code 200 "$api" /echo || return; done
	[ -s "$dir/up/again" ] || { echo "no connection was used again"; return 1; }
}
is "a connection of the pool that died is noticed" stale
redirects() { # statement 66
	code 200 "$api" "/redirect?/echo" -H 'X-Mine: 1' && saw '^GET /echo' && didnt "$secret" && didnt authorization && didnt x-mine &&
		code 200 "$api" "/redirect?$up/echo" && didnt "$secret" && code 302 "$api" "/redirect?/echo" -d x && hasnt location &&
		code 302 "$api" "/redirect?http://127.0.0.1:$plain/echo" && has "^location: http://127.0.0.1:$plain/echo" && code 302 "$api" "/redirect?//evil/echo"
}
is "a redirect is followed without the secret, and not away from the upstream" redirects
redirected() {
	local t
	t=$(token api --path '/redirect') && code 302 "$t" '/redirect?/echo' && has '^location: /echo' && didnt '^GET' && code 403 "$t" /echo
}
is "... nor to where its token may not go" redirected

# --- upstreams that are not as they should be ---------------------------------------------------

hex() { printf "$1" | od -An -v -tx1 | tr -d ' \n'; }
two_ways() { # of a reply as of a request
	local what ok='HTTP/1.1 200 OK\r\n'
	while IFS= read -r what; do
		code 502 "$api" "/raw?$(hex "$what")" && body 'Upstream request failed' || { echo "taken: $what"; return 1; }
	done <<-E
		${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
		${ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd
		${ok}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc
		${ok}Content-Length: +3\r\n\r\nabc
		${ok}Content-Length: 3, 3\r\n\r\nabc
		${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n
		HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
		${ok}X: a\r\n Content-Length: 3\r\n\r\nabc
		${ok}Content-Length : 3\r\n\r\nabc
		HTTP/1.1 200 OK\nContent-Length: 3\n\nabc
		HTTP/2 200 OK\r\nContent-Length: 3\r\n\r\nabc
		HTTP/1.1 101 Odd\r\n\r\n
		SSH-2.0-x\r\n\r\n
	E
}
is "a reply that could be read in two ways is none" two_ways
bad_chunks() { # the head has gone on by then
	local what
	for what in 'zz\r\nabc\r\n0\r\n\r\n' '3\r\nabcXX0\r\n\r\n' '3\nabc\r\n0\r\n\r\n' '0\r\nBad Trailer: x\r\n\r\n' 'fffffffffffffffff\r\nabc'; do
		! curl -s -m 10 -o /dev/null -H "Authorization: $api" "http://127.0.0.1:$port/raw?$(hex "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n$what")" || { echo "whole: $what"; return 1; }
	done
}
is "chunks that are none cut a reply" bad_chunks
too_much() { # more than one reply: the rest is nobody's
	local i second
	second=$(hex 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled')
	for i in 1 2 3; do
		code 200 "$api" "/raw?$(hex 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc')$second" && body abc && code 200 "$api" /hello && body /hello &&
			code 200 "$api" "/raw?$(hex 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')$second" && body abc && code 200 "$api" /hello && body /hello &&
			code 204 "$api" "/raw?$(hex 'HTTP/1.1 204 OK\r\n\r\n')$second" && code 200 "$api" /hello && body /hello || return
	done
}
is "what an upstream says without being asked is nobody's reply" too_much
pieces() {
	code 200 "$api" "/pieces?$(hex 'HTTP/1.1 103 Early\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 11\r\n\r\nbyte for by')" && body 'byte for by' && has '^x-a: 1' &&
		code 200 "$api" "/pieces?$(hex 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbyte\r\n7\r\n for by\r\n0\r\nX-Sum: 1\r\n\r\n')" && body 'byte for by'
}
is "a reply may come byte for byte" pieces
interims() { # for ever would fill memory
	code 200 "$api" "/raw?$(for i in $(seq 200); do hex 'HTTP/1.1 102 Wait\r\n\r\n'; done; hex 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')" && body ok
}
is "replies before a reply are passed on" interims
bye() { # a POST must not go twice, so it must not meet a connection that has ended
	local i
	: >"$dir/up/seen"
	for i in 1 2 3 4 5; do code 200 "$api" /bye && code 200 "$api" /sum -d x || return; done
	[ "$(grep -ac '^POST /sum ' "$dir/up/seen")" = 5 ]
}
is "a POST does not meet a connection that has ended" bye
kept() {
	local i
	code 200 "$api" /echo && : >"$dir/up/from"
	for i in $(seq 20); do code 200 "$api" /echo && code 200 "$api" /sum -d x && code 200 "$api" /trailers && code 204 "$api" /204 && code 200 "$api" /head -I || return; done
	[ ! -s "$dir/up/from" ] || { echo "$(wc -l <"$dir/up/from") new connections"; return 1; }
}
is "one connection has all requests, one after the other" kept
early_kept() { # what still comes of the body is of no other request
	raw "POST /early?keeps HTTP/1.1\r\nHost: x\r\nAuthorization: $api\r\nContent-Length: 9\r\n\r\nabc" | head -1 | grep -q ' 413 ' &&
		code 200 "$api" /echo && saw '^GET /echo'
}
is "a reply that comes early ends its connection" early_kept
stalled() { # an upstream that does not read stops its client, and nothing is lost
	local before after got
	head -c 20000000 /dev/zero >"$dir/sent.0"
	before=$(awk '/VmRSS/{print $2}' "/proc/$server/status")
	curl -s -m 60 -T "$dir/sent.0" -X POST -H Expect: -H "Authorization: $api" "http://127.0.0.1:$port/stall" -o "$dir/body" &
	got=$!
	until grep -qa '^POST /stall' "$dir/up/seen"; do sleep 0.01; done
	echo x >"$dir/up/go" # opens when the upstream waits there
	wait $got && body /stall || return
	after=$(awk '/VmHWM/{print $2}' "/proc/$server/status")
	echo "$before $after" && { sanitized || [ $((after - before)) -lt 8000 ]; }
}
is "an upstream that does not read stops its client" stalled

# --- what is refused -------------------------------------------------------------------------

smuggle() {
	local head="Host: x\r\nAuthorization: $api\r\n" n what
	n=$(grep -ac smuggled "$dir/up/seen")
	while IFS= read -r what; do
		raw "$what" | head -1 | grep -q '^HTTP/1.1 \(400\|431\|505\) ' || { echo "taken: $what"; return 1; }
	done <<-E
		POST / HTTP/1.1\r\n${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n$head\r\n
		POST / HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef
		POST / HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde
		POST / HTTP/1.1\r\n${head}Content-Length: +5\r\n\r\nabcde
		POST / HTTP/1.1\r\n${head}Content-Length: 0x5\r\n\r\nabcde
		POST / HTTP/1.1\r\n${head}Content-Length: 5, 5\r\n\r\nabcde
		POST / HTTP/1.1\r\n${head}Content-Length: 99999999999999999999\r\n\r\nabcde
		POST / HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n
		POST / HTTP/1.1\r\n${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n
		POST / HTTP/1.1\r\n${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n
		POST / HTTP/1.1\r\n${head}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n
		POST / HTTP/1.1\r\n${head}X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n
		POST / HTTP/1.0\r\n${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n
		GET / HTTP/1.1\n${head}\r\n
		GET / HTTP/1.1\r\nHost: x\nAuthorization: $api\r\n\r\n
		GET / HTTP/1.1\r\n${head}X: a\rb\r\n\r\n
		GET / HTTP/1.1\r\n${head}X: a\x01b\r\n\r\n
		GET / HTTP/1.1\r\n${head}Host: y\r\n\r\n
		GET / HTTP/1.1\r\nAuthorization: $api\r\n\r\n
		GET  / HTTP/1.1\r\n${head}\r\n
		GET / HTTP/2.0\r\n${head}\r\n
		GET / HTTP/1.1\r\n${head}: x\r\n\r\n
		GET / HTTP/1.1\r\n${head}no colon\r\n\r\n
		G(T / HTTP/1.1\r\n${head}\r\n
		POST /sum HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n
		POST /sum HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n
		POST /sum HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n
		POST /sum HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n
		POST /sum HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc
		POST /sum HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n0\r\nBad Trailer: x\r\n\r\n
	E
	[ "$(grep -ac smuggled "$dir/up/seen")" = "$n" ]
}
is "what could be read in two ways is read in none" smuggle
big() {
	local pad
	pad=$(head -c 40000 /dev/zero | tr '\0' a)
	raw "GET / HTTP/1.1\r\nHost: x\r\nX: $pad\r\n\r\n" | head -1 | grep -q ' 431 ' && raw "GET /$pad HTTP/1.1\r\nHost: x\r\n\r\n" | head -1 | grep -q ' 431 ' &&
		raw "GET / HTTP/1.1\r\nHost: x\r\n$(for i in $(seq 200); do printf 'a: b\\r\\n'; done)\r\n" | head -1 | grep -q ' 431 '
}
is "a head that is too big, or has too many lines, is 431" big
pipelined() {
	raw "GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: $api\r\n\r\nPOST /sum HTTP/1.1\r\nHost: x\r\nAuthorization: $api\r\nContent-Length: 3\r\n\r\nabcGET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: $api\r\n\r\n" >"$dir/body" &&
		[ "$(grep -ao 'HTTP/1.1 200' "$dir/body" | wc -l)" = 3 ] && grep -qa '^3 ' "$dir/body"
}
is "requests behind each other have their replies in that order" pipelined
truncated() {
	local what
	for what in 'G' 'GET / HTT' "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: $api" "POST /sum HTTP/1.1\r\nHost: x\r\nAuthorization: $api\r\nContent-Length: 9\r\n\r\nabc" \
		"POST /sum HTTP/1.1\r\nHost: x\r\nAuthorization: $api\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"; do
		[ -z "$(raw "$what" shut | grep -a ' 200 ')" ] || return
	done
	health
}
is "what ends before its end is no request" truncated

# --- while it runs ---------------------------------------------------------------------------

reload() {
	local t i
	t=$(token later) && code 404 "$t" / && credential later '{"type":"api_key","key":"k"}' && jq '.later = {"upstream": "'"$up"'"}' "$routes" >"$routes.x" && mv "$routes.x" "$routes" &&
		for i in $(seq 100); do code 200 "$t" /echo && break; done && saw 'Bearer k' && echo '{"api": {}}' >"$routes" && code 200 "$api" /echo && grep -q 'route api: upstream is missing' "$dir/log" && routes_write
}
is "routes are read again when they change, and stay if they cannot be" reload
counters() { code 200 '' /-/counters --unix-socket "$dir/r/credential-proxy.sock" && jq -e '.api.requests > 10 and .down.failed > 0' "$dir/body" >/dev/null && code 401 '' /-/counters; }
is "what was asked of each provider is counted" counters
audited() { # statement 76
	: >"$audit" && code 200 "$api" "/echo?query=1" && code 401 '' /x && [ "$(stat -c %a "$audit")" = 600 ] &&
		jq -se 'length == 2 and (.[0] | keys_unsorted) == ["ts","scope","subject","credential_set","provider","method","path","status","outcome","duration_ms"]
			and .[0].path == "/echo" and .[0].outcome == "ok" and .[0].scope == "proj" and .[1].outcome == "missing_token" and .[1].status == 401' "$audit" >/dev/null || { cat "$audit"; return 1; }
	chmod 0644 "$audit" && code 200 "$api" /echo && chmod 0600 "$audit" && [ "$(wc -l <"$audit")" = 2 ]
}
is "each request is a line of audit, and one that cannot be noted is served" audited
flood() { # 100 that are refused: some lines of the log, all of the audit
	local before lines
	before=$(grep -c 'Missing authentication' "$dir/log")
	: >"$audit"
	curl -s -o /dev/null "http://127.0.0.1:$port/flood?[1-100]" || return
	lines=$(($(grep -c 'Missing authentication' "$dir/log") - before))
	echo "$lines lines" && [ $lines -lt 30 ] && [ "$(grep -c '"path":"/flood","status":401' "$audit")" = 100 ]
}
is "who floods the log has some lines of it, and all of the audit" flood
none_lost() { # lines are written by the round: who stops it has them all, and of the flood its number
	local i jobs='' until=$((SECONDS + 20))
	: >"$audit"
	for i in 1 2 3 4; do
		curl -s -o /dev/null -w '%{http_code}\n' -H "Authorization: $api" "http://127.0.0.1:$port/echo?[1-2000]" >"$dir/codes.$i" &
		jobs+=" $!"
	done
	until [ "$(wc -l <"$audit")" -gt 50 ]; do [ $SECONDS -lt $until ] || return; done
	kill "$server" && wait "$server"
	server=
	wait $jobs # curl says that some were refused
	grep -q ' more requests were refused' "$dir/log" && [ "$(cat "$dir"/codes.* | grep -c 200)" -gt 50 ] && [ "$(cat "$dir"/codes.* | grep -c 200)" = "$(grep -c '"status":200' "$audit")" ]
	local r=$?
	serve --log-level DEBUG
	return $r
}
is "who ends it has a line of each reply that went" none_lost
quiet() { # statement 77
	! grep -qa "$secret\|terok-p-\|access-1\|refresh-1" "$dir/log" "$audit" && ! grep -qa "$secret" "/proc/$server/cmdline" "/proc/$server/environ"
}
is "no secret and no token is in the log, the audit, argv or the environment" quiet
bad_routes() { # statement 54
	kill "$server" && wait "$server"
	server=
	echo '{"good": {"upstream": "https://x"}, "lame": {"auth_header": "x"}}' >"$dir/bad.json"
	! "$proxy" serve --port "$port" --ssh-agent-port 0 --ssh-keys-file "$dir/c/ssh-keys.json" --no-containers --routes-file "$dir/bad.json" 2>"$dir/body" && grep -q 'route lame: upstream is missing' "$dir/body" && ! "$proxy" route lint --routes-file "$dir/bad.json" 2>"$dir/body" &&
		grep -q 'route lame' "$dir/body" && "$proxy" route lint --routes-file "$routes" >"$dir/body" 2>&1 && saw "^api.*$up"
}
is "a route without an upstream is named at the start, and by route lint" bad_routes
locked() {
	mv "$dir/c-key/store.key" "$dir/c-key/store.key.away" && serve && health && code 503 "$api" /echo && body 'Credential store is locked' && code 401 '' /echo
	mv "$dir/c-key/store.key.away" "$dir/c-key/store.key"
}
is "a store that is locked is said so, and health is well" locked
passphrase() {
	printf 'a long one\n' >"$dir/pass" && printf 'another\n' >"$dir/wrong" && chmod 0600 "$dir/pass" "$dir/wrong" &&
		"$proxy" store rotate --new-passphrase-file "$dir/pass" && [ ! -e "$dir/c-key/store.key" ] || return
	serve && code 503 "$api" /echo && serve --passphrase-file "$dir/wrong" && code 503 "$api" /echo && grep -q 'locked: that is not the passphrase' "$dir/log" || return
	serve --passphrase-file "$dir/none" && code 503 "$api" /echo && grep -q "$dir/none: No such file" "$dir/log" || return
	chmod 0644 "$dir/pass" && serve --passphrase-file "$dir/pass" && code 503 "$api" /echo && grep -q 'nobody else.s to read' "$dir/log" || return
	chmod 0600 "$dir/pass" && serve --passphrase-file "$dir/pass" && code 200 "$api" /echo
}
is "one with a passphrase is served with the file of it, its user's alone" passphrase
finish
