#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_web.sh - the web page by curl: what is let in, what is refused, what a stream tells
. "$(dirname "$0")/lib.sh"

for tool in curl jq; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is not installed (tools/deps --install test)"; exit 77; }
done
[ -x "$HUB_BIN" ] || { echo "SKIP: $HUB_BIN is not built (make web)"; exit 77; }

hub_start || exit 1
core guard 1 agent-7 0123456789abcdef
core refuse 1 5 192.0.2.1 443 api.example.co.uk curl 4711 /usr/bin/curl 'curl -sS https://api.example.co.uk/' 3
web_start || exit 1
port=$(sed -n 's,.*://127.0.0.1:\([0-9]*\)/.*,\1,p' "$DIR/links" | head -n 1)
url=http://127.0.0.1:$port
newest_link
cookie="" page=""

# status EXPECTED NAME CURL-ARGS...: of one request; its body is in $DIR/body
status() {
	local want=$1 name=$2 got
	shift 2
	got=$(curl -s -m 10 -o "$DIR/body" -D "$DIR/head" -w '%{http_code}' "$@")
	[ "$got" = "$want" ] && ok "$name" || not_ok "$name" "$got, not $want: $(cat "$DIR/body")"
}

# says NAME PATTERN: the body of the last one
says() { grep -q -- "$2" "$DIR/body" && ok "$1" || not_ok "$1" "$(cat "$DIR/body")"; }

json=(-H "Content-Type: application/json")
origin=(-H "Origin: $url")
login() { # TOKEN CURL-ARGS...
	local TOKEN=$1
	shift
	curl -s -m 10 -D "$DIR/head" -o "$DIR/body" "${json[@]}" "${origin[@]}" "$@" -d "{\"token\":\"$TOKEN\"}" "$url/api/login"
	cookie=$(sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/p' "$DIR/head")
	page=$(jq -r .page "$DIR/body" 2>/dev/null)
	us=(-H "Cookie: $cookie" -H "X-Terok-Page: $page")
}

# --- without a login
status 200 "the page is there for everybody: it holds nothing" "$url/"
grep -q "^Content-Security-Policy: default-src 'none';.*frame-ancestors 'none'" "$DIR/head" &&
	grep -qi '^Cache-Control: no-store' "$DIR/head" && grep -qi '^X-Content-Type-Options: nosniff' "$DIR/head" &&
	ok "its headers allow our own files and nothing else" || not_ok "its headers allow our own files and nothing else"
for path in guards grants history events; do
	status 401 "without a cookie there is no $path" "$url/api/$path"
done
for path in answer revoke logout; do
	status 401 "without a cookie there is no $path" "${json[@]}" "${origin[@]}" -d '{}' "$url/api/$path"
done

# --- the link
status 403 "a wrong token is refused" "${json[@]}" "${origin[@]}" -d '{"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}' "$url/api/login"
status 403 "no token is refused" "${json[@]}" "${origin[@]}" -d '{}' "$url/api/login"
status 403 "a token that is no string is refused" "${json[@]}" "${origin[@]}" -d '{"token":[1]}' "$url/api/login"
status 405 "a token in a GET is refused" "$url/api/login?token=$TOKEN"
status 403 "the right token from a page of another origin is refused" "${json[@]}" -H "Origin: http://localhost:1" -d "{\"token\":\"$TOKEN\"}" "$url/api/login"
login "$TOKEN"
[ -n "$page" ] && [ -n "$cookie" ] && ok "the right token lets in" || not_ok "the right token lets in" "$(cat "$DIR/body")"
grep -q '^Set-Cookie: .*HttpOnly; SameSite=Strict' "$DIR/head" && ok "the cookie is for no script and no other site" || not_ok "the cookie is for no script and no other site"
status 403 "the same token a second time is refused" "${json[@]}" "${origin[@]}" -d "{\"token\":\"$TOKEN\"}" "$url/api/login"
status 200 "who is logged in has the guards" "${us[@]}" "$url/api/guards"
[ "$(jq -r '.guards[0].name' "$DIR/body")" = agent-7 ] && ok "they are the hub's" || not_ok "they are the hub's" "$(cat "$DIR/body")"

# --- whose request it is
status 421 "another host's name is refused (DNS rebinding)" -H "Host: evil.example" "$url/"
status 421 "another host's name with our port is refused" -H "Host: evil.example:$port" "${us[@]}" "$url/api/guards"
status 400 "no Host at all is refused" -H "Host:" "$url/"
raw() { exec 7<>"/dev/tcp/127.0.0.1/$port" && printf '%b' "$1" >&7 && head -n 1 <&7; exec 7>&-; }
for twice in "Host: evil.example" "Origin: http://localhost:1" "Cookie: a=b" "X-Terok-Page: a" "Content-Length: 0"; do
	one=${twice%%:*}
	raw "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n$one: 127.0.0.1\r\n$twice\r\n\r\n" | grep -q ' 400 ' && ok "$one twice is refused" || not_ok "$one twice is refused"
done
raw "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" | grep -q ' 404 ' && ok "we are nobody's proxy" || not_ok "we are nobody's proxy"
raw "GET / HTTP/1.0\r\n\r\n" | grep -q ' 421 ' && ok "an old browser without Host is refused" || not_ok "an old browser without Host is refused"
status 200 "localhost at a tunnel's port is ours" -H "Host: localhost:8642" "$url/"
status 403 "a cookie without the page's secret is refused" -H "Cookie: $cookie" "$url/api/guards"
status 403 "a wrong secret of the page is refused" -H "Cookie: $cookie" -H "X-Terok-Page: ${page%?}" "$url/api/guards"
status 401 "the page's secret without a cookie is refused" -H "X-Terok-Page: $page" "$url/api/guards"
status 401 "a wrong cookie is refused" -H "Cookie: ${cookie%?}" -H "X-Terok-Page: $page" "$url/api/guards"
status 403 "a read for a page of another site is refused" "${us[@]}" -H "Sec-Fetch-Site: cross-site" "$url/api/guards"
status 403 "a read for a page of another port is refused" "${us[@]}" -H "Sec-Fetch-Site: same-site" "$url/api/guards"
status 403 "a read with another's Origin is refused" "${us[@]}" -H "Origin: http://localhost:1" "$url/api/guards"
deny='{"requests":["0123456789ab:5"],"action":"deny"}'
status 403 "an answer without an Origin is refused" "${us[@]}" "${json[@]}" -d "$deny" "$url/api/answer"
status 403 "an answer from another origin is refused" "${us[@]}" "${json[@]}" -H "Origin: http://evil.example" -d "$deny" "$url/api/answer"
status 403 "an answer from no origin is refused" "${us[@]}" "${json[@]}" -H "Origin: null" -d "$deny" "$url/api/answer"
status 403 "an answer from a page of another site is refused" "${us[@]}" "${json[@]}" "${origin[@]}" -H "Sec-Fetch-Site: cross-site" -d "$deny" "$url/api/answer"
status 403 "an answer without the page's secret is refused" -H "Cookie: $cookie" "${json[@]}" "${origin[@]}" -d "$deny" "$url/api/answer"
status 415 "an answer as a form sends it is refused" "${us[@]}" "${origin[@]}" -d "$deny" "$url/api/answer"
status 405 "an answer by GET is refused" "${us[@]}" "$url/api/answer?requests=0123456789ab:5&action=allow"
grep -qi '^Allow: POST' "$DIR/head" && ok "it says how" || not_ok "it says how"
status 405 "a revocation by GET is refused" "${us[@]}" "$url/api/revoke?grant=1"
status 405 "a logout by GET is refused" "${us[@]}" "$url/api/logout"
status 405 "a question whether others may (OPTIONS) is refused" -X OPTIONS -H "Origin: http://evil.example" -H "Access-Control-Request-Method: POST" "$url/api/answer"
grep -qi '^Access-Control' "$DIR/head" && not_ok "nobody else is allowed anything" || ok "nobody else is allowed anything"
status 404 "there is nothing else" "$url/etc/passwd"
status 404 "nor above it" --path-as-is "$url/../app.js"
grep -q verdict "$DIR/core.log" && not_ok "none of that reached the core" || ok "none of that reached the core"

# --- sizes
head -c 8192 /dev/zero | tr '\0' ' ' >"$DIR/fits"
head -c 8193 /dev/zero | tr '\0' ' ' >"$DIR/big"
status 400 "a body as long as may be is read" "${us[@]}" "${json[@]}" "${origin[@]}" --data-binary "@$DIR/fits" "$url/api/answer"
status 413 "one byte more is refused before it is sent" "${us[@]}" "${json[@]}" "${origin[@]}" --data-binary "@$DIR/big" "$url/api/answer"
status 413 "a GET with a body is refused" "${us[@]}" -X GET --data-binary x "$url/api/guards"
head -c 100000 /dev/zero | tr '\0' a >"$DIR/huge"
status 000 "a body without a length ends where it is too long" "${us[@]}" "${json[@]}" "${origin[@]}" -H "Transfer-Encoding: chunked" --data-binary "@$DIR/huge" "$url/api/answer"
status 431 "a head without an end is refused" -H "X-Long: $(cat "$DIR/huge")" "$url/"
status 400 "what is no answer is refused" "${us[@]}" "${json[@]}" "${origin[@]}" -d '{"requests":["a"],"action":"maybe"}' "$url/api/answer"
says "with a sentence" 'action is allow or deny'
status 400 "a number that is none is refused" "${us[@]}" "$url/api/history?limit=1001"
status 200 "history is there" "${us[@]}" "$url/api/history?limit=1"
[ "$(jq -c "[(.entries[0].type, .more)]" "$DIR/body")" = '["request",true]' ] && ok "the newest of it, and whether there is more" || not_ok "the newest of it, and whether there is more" "$(cat "$DIR/body")"

# --- the stream
curl -s -N "${us[@]}" "$url/api/events" >"$DIR/stream" 2>/dev/null &
pids="$pids $!" STREAM_PID=$!
await "$DIR/stream" '^event: ready' && ok "a stream tells when all that is open was told" || not_ok "a stream tells when all that is open was told"
grep -A 1 '^event: event' "$DIR/stream" | sed -n 's/^data: //p' | head -n 1 >"$DIR/first"
[ "$(jq -r '.event.type + " " + .event.dest + " " + .site + " " + (.shared | tostring)' "$DIR/first")" = "request 192.0.2.1 example.co.uk false" ] &&
	ok "what was open is told, with its registrable domain" || not_ok "what was open is told, with its registrable domain" "$(cat "$DIR/stream")"
status 200 "an answer is taken" "${us[@]}" "${json[@]}" "${origin[@]}" -H "Sec-Fetch-Site: same-origin" -d '{"requests":["0123456789ab:5","0123456789ab:6"],"action":"allow","scope":"time","seconds":300}' "$url/api/answer"
[ "$(jq -c '[.results[].ok]' "$DIR/body")" = '[true,false]' ] && ok "each request has its own outcome" || not_ok "each request has its own outcome" "$(cat "$DIR/body")"
grep -q '^verdict 5 allow time 300 asked same$' "$DIR/core.log" && ok "the core heard it, once" || not_ok "the core heard it, once" "$(cat "$DIR/core.log")"
await "$DIR/stream" '"type":"verdict"' && ok "the stream tells of it" || not_ok "the stream tells of it"
core refuse 1 7 192.0.2.9 80 'evil%1b[2J%e2%80%ae<script>.example' 'x%1b[31m' 1 /x '<img src=x onerror=alert(1)>' 1
await "$DIR/stream" ':7"' && LC_ALL=C grep -q '[^ -~]' "$DIR/stream" && not_ok "nothing unprintable is in the stream" || ok "nothing unprintable is in the stream"

# --- another user of this machine: who that is cannot be seen on TCP, what they do not have decides
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	as_other() { setpriv --reuid 4001 --regid 4001 --clear-groups -- "$@"; }
	other() { # EXPECTED NAME CURL-ARGS...
		local want=$1 name=$2 got
		shift 2
		got=$(as_other curl -s -m 10 -o /dev/null -w '%{http_code}' "$@")
		[ "$got" = "$want" ] && ok "$name" || not_ok "$name" "$got, not $want"
	}
	other 200 "another user's browser has the page, which holds nothing" "$url/"
	other 401 "but no guards" "$url/api/guards"
	other 401 "and no stream" "$url/api/events"
	other 401 "and no answer" "${json[@]}" "${origin[@]}" -d "$deny" "$url/api/answer"
	other 403 "and no login without the link" "${json[@]}" "${origin[@]}" -d '{"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}' "$url/api/login"
	other 403 "and with our cookie alone nothing either" -H "Cookie: $cookie" "$url/api/guards"
	as_other cat "/proc/$WEB_PID/environ" "/proc/$WEB_PID/maps" >/dev/null 2>&1 && not_ok "our memory is closed to them" || ok "our memory is closed to them"
else
	echo "SKIP another user of this machine: needs root and setpriv"
fi

# --- what it can do, if somebody gets it to
has() { grep -qx "$1:[[:space:]]*$2" "/proc/$WEB_PID/status"; }
has CapEff 0000000000000000 && has CapPrm 0000000000000000 && has NoNewPrivs 1 && ok "it has no privileges" || not_ok "it has no privileges" "$(cat "/proc/$WEB_PID/status")"
if grep -qa __asan_init "$WEB_BIN"; then
	echo "SKIP its system calls are the listed ones: sanitizers make others"
else
	has Seccomp 2 && ok "its system calls are the listed ones" || not_ok "its system calls are the listed ones"
fi

# --- where secrets are
for secret in "$TOKEN" "$page" "${cookie#*=}"; do
	grep -sqF -- "$secret" "/proc/$WEB_PID/cmdline" "/proc/$WEB_PID/environ" "$DIR/web.log" "$DIR/core.log" &&
		not_ok "no secret is in arguments, environment or logs" "$secret" || ok "no secret is in arguments, environment or logs"
done

# --- a link by signal, logout, another browser
new_link
first_cookie=$cookie first=("${us[@]}")
login "$TOKEN"
[ -n "$page" ] && [ "$cookie" != "$first_cookie" ] && ok "a signal makes a new link, for another browser" || not_ok "a signal makes a new link, for another browser"
status 200 "the first browser stays" "${first[@]}" "$url/api/guards"
status 403 "one's cookie and another's page do not go together" -H "Cookie: $first_cookie" -H "X-Terok-Page: $page" "$url/api/guards"
status 200 "a logout is one" "${first[@]}" "${json[@]}" "${origin[@]}" -d '{}' "$url/api/logout"
status 401 "its cookie is worth nothing any more" "${first[@]}" "$url/api/guards"
await "$DIR/stream" '^event: bye' && wait $STREAM_PID && ok "its stream has ended" || not_ok "its stream has ended"
status 200 "the other browser stays" "${us[@]}" "$url/api/guards"

# --- streams: as many as may be, and who goes makes room
for i in $(seq 12); do
	curl -s -N "${us[@]}" "$url/api/events" >"$DIR/stream.$i" 2>/dev/null &
	pids="$pids $!" last=$!
	await "$DIR/stream.$i" '^event: ready' || not_ok "stream $i"
done
status 503 "one stream more than there may be is refused" "${us[@]}" "$url/api/events"
kill $last
wait $last 2>/dev/null
for _ in $(seq 50); do
	curl -s -m 1 "${us[@]}" "$url/api/events" 2>/dev/null | head -n 1 | grep -q '^event' && break
	read -rt 0.02 <> <(:) || :
done && ok "who goes makes room at once" || not_ok "who goes makes room at once"

# --- what is no HTTP, and who hangs up in the middle
for n in $(seq 100); do
	exec {fd}<>"/dev/tcp/127.0.0.1/$port" || break
	head -c $((n * 40)) /dev/urandom >&"$fd"
	exec {fd}>&-
	exec {fd}<>"/dev/tcp/127.0.0.1/$port" || break
	printf 'POST /api/answer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n{"re' "$n" >&"$fd"
	exec {fd}>&-
done 2>/dev/null
status 200 "a hundred that speak no HTTP and a hundred that hang up change nothing" "$url/"
printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' | timeout 10 nc -N 127.0.0.1 "$port" | head -n 1 | grep -q ' 200 ' &&
	ok "who closes its half hears the answer" || not_ok "who closes its half hears the answer"
printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' | timeout 10 nc 127.0.0.1 "$port" >"$DIR/two"
[ "$(grep -ac '^HTTP/1.1 [24]0[04]' "$DIR/two")" = 2 ] && ok "two calls in one breath are two answers" || not_ok "two calls in one breath are two answers" "$(grep -a ^HTTP "$DIR/two")"

# --- who says nothing is shut out, and others get in again
silent=()
for _ in $(seq 60); do
	exec {fd}<>"/dev/tcp/127.0.0.1/$port" && silent+=("$fd")
done
printf 'GET / HTTP/1.1\r\nHost: 127' >&"${silent[0]}"
status 200 "after ten seconds silent connections make room" -m 20 "$url/"
read -rt 10 line <&"${silent[0]}" && not_ok "half a request gets nothing" "$line" || ok "half a request gets nothing"
for fd in "${silent[@]}"; do exec {fd}>&-; done

# --- the hub goes
hub_stop
await "$DIR/stream.1" '"connected":false' && ok "a hub that goes away is told" || not_ok "a hub that goes away is told"
status 503 "a call without a hub says so" "${us[@]}" "$url/api/guards"
web_stop && ok "it ends by a signal, with streams open" || not_ok "it ends by a signal, with streams open" "$(cat "$DIR/web.log")"

# --- where it listens
for port in 0 65536 x; do
	"$WEB_BIN" web --port $port >/dev/null 2>&1
	[ $? -eq 2 ] && ok "port $port is refused" || not_ok "port $port is refused"
done
for address in 0.0.0.0 :: 192.0.2.1 localhost; do
	"$WEB_BIN" web --address $address >"$DIR/out" 2>"$DIR/err"
	[ $? -eq 2 ] && grep -q "loopback" "$DIR/err" && ok "$address is refused" || not_ok "$address is refused" "$(cat "$DIR/err")"
done
web_start --socket "$DIR/web.sock" || exit 1
[ "$(stat -c '%a %F' "$DIR/web.sock")" = '600 socket' ] && ok "the socket is its user's alone" || not_ok "the socket is its user's alone" "$(stat "$DIR/web.sock")"
url=http://localhost:8642
origin=(-H "Origin: $url")
newest_link
login "$TOKEN" --unix-socket "$DIR/web.sock"
status 503 "through the socket it is the same" --unix-socket "$DIR/web.sock" "${us[@]}" "$url/api/guards"
grep -q "ssh -L 8642:$DIR/web.sock" "$DIR/web.log" && ok "it says how to get there" || not_ok "it says how to get there" "$(cat "$DIR/web.log")"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 711 "$DIR" # the socket's own mode decides
	as_other curl -s -m 5 -o /dev/null --unix-socket "$DIR/web.sock" "$url/"
	[ $? -eq 7 ] && ok "another user does not get into the socket" || not_ok "another user does not get into the socket"
	chmod 700 "$DIR"
fi
web_stop
[ ! -e "$DIR/web.sock" ] && ok "the socket goes with it" || not_ok "the socket goes with it"

# --- a link for no log, in a file of its own
: >"$DIR/out"
JOURNAL_STREAM=$(stat -c %d:%i "$DIR/out") "$WEB_BIN" web --hub "$DIR/hub.sock" >"$DIR/out" 2>"$DIR/err"
[ $? -eq 2 ] && [ ! -s "$DIR/out" ] && grep -q -- --link "$DIR/err" && ok "no link goes to the journal" || not_ok "no link goes to the journal" "$(cat "$DIR/out" "$DIR/err")"
head -c 1000 /dev/zero >"$DIR/mine"
"$WEB_BIN" web --hub "$DIR/hub.sock" --link "$DIR/mine" >/dev/null 2>"$DIR/err"
[ $? -eq 1 ] && [ "$(stat -c %s "$DIR/mine")" = 1000 ] && ok "a file that is no link stays" || not_ok "a file that is no link stays" "$(cat "$DIR/err")"
ln -s "$DIR/mine" "$DIR/link"
"$WEB_BIN" web --hub "$DIR/hub.sock" --link "$DIR/link" >/dev/null 2>"$DIR/err"
[ $? -eq 1 ] && [ -L "$DIR/link" ] && ok "no symbolic link is followed" || not_ok "no symbolic link is followed" "$(cat "$DIR/err")"
rm "$DIR/link"
: >"$DIR/out"
: >"$DIR/web.log"
(umask 0; exec "$WEB_BIN" web --hub "$DIR/hub.sock" --link "$DIR/link" >"$DIR/out" 2>"$DIR/web.log" </dev/null) &
WEB_PID=$!
pids="$pids $WEB_PID"
await "$DIR/web.log" SIGUSR1
[ "$(stat -c %a "$DIR/link")" = 600 ] && [ ! -s "$DIR/out" ] && ok "a file of its own has the link, for us alone" || not_ok "a file of its own has the link, for us alone" "$(ls -l "$DIR/link")"
url=$(sed 's,/#.*,,' "$DIR/link")
origin=(-H "Origin: $url")
login "$(sed 's/.*login=//' "$DIR/link")"
status 503 "it lets in" "${us[@]}" "$url/api/guards"
web_stop
[ ! -e "$DIR/link" ] && ok "it goes with the program" || not_ok "it goes with the program"
exit $BAD
