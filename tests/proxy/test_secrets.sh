#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_secrets.sh - after all kinds of requests no run of a secret's bytes is where it may not be (statement 77)
#
# Looked at: a client's memory, environment and files, all that it was told; the proxy's log, audit, argv, environment, and
# each of its files; nobody may read its memory or has a core of it. scan.py looks, and is shown to find.
set -u
dir='' port='' plain='' tls='' routes='' here='' server='' audit='' upstream='' proxy='' client='' other=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
up=https://localhost:$tls
random() { head -c 30 /dev/urandom | base64 -w 0 | tr '+/' 'xy'; }
key=$(random) pat=$(random) access=$(random) refresh=$(random) newer=$(random) newer_refresh=$(random) client_secret=$(random)
printf '%s\n' "$key" "$pat" "$access" "$refresh" "$newer" "$newer_refresh" "$client_secret" >"$dir/up/secrets"
echo '{"api": {"upstream": "'"$up"'"}, "plain": {"upstream": "http://localhost:'"$plain"'"}, "gitlab": {"upstream": "'"$up"'", "auth_header": "PRIVATE-TOKEN", "auth_prefix": ""},
	"o": {"upstream": "'"$up"'", "oauth_refresh": {"token_url": "'"$up"'/token", "client_id": "id", "client_secret": "'"$client_secret"'"}}, "down": {"upstream": "https://localhost:1"}}' >"$dir/up/routes"
cp "$dir/up/routes" "$routes"
credential api '{"type":"api_key","key":"'"$key"'"}'
credential down '{"type":"api_key","key":"'"$key"'"}'
credential plain '{"type":"api_key","key":"'"$key"'"}'
credential gitlab '{"type":"pat","token":"'"$pat"'"}'
credential o '{"type":"oauth","access_token":"'"$access"'","refresh_token":"'"$refresh"'","expires_at":4102444800}'
api=$(token api) bare=$(token plain) gitlab=$(token gitlab) o=$(token o) down=$(token down)
serve --log-level DEBUG
mkdir "$dir/client" "$dir/plants"
scan() { python3 "$here/scan.py" "$dir/up/secrets" "$@"; }

plants() { # the scanner's own control: each form in a file, and one in a process
	printf 'x%s' "$key" >"$dir/plants/plain" && printf '%s' "${pat:7:20}" >"$dir/plants/part" && printf 'ab%s' "$access" | base64 -w 0 >"$dir/plants/base64" && printf 'a%s' "$access" | base64 -w 0 >"$dir/plants/base64-1" &&
		printf '%s' "$refresh" | od -An -tx1 | tr -d ' \n' >"$dir/plants/hex" && rev <<<"$newer" >"$dir/plants/back" && printf 'x%s' "${key:3:15}" | iconv -t utf-16le >"$dir/plants/utf-16" && printf '%s' "${pat:5:15}" | od -An -tx1 | tr -d ' \n' >"$dir/plants/hex-part" || return
	local plant planted
	for plant in "$dir"/plants/*; do ! scan "$plant" || { echo "$plant is not found"; return 1; }; done
	python3 -c 'import base64, sys
secret = base64.b64decode(sys.stdin.readline())
print("ready", flush=True)
sys.stdin.read()' < <(base64 -w 0 <<<"$key"; echo; sleep 1000 & echo $! >"$dir/sleeps"; wait) >"$dir/plant" &
	planted=$!
	until grep -q ready "$dir/plant"; do sleep 0.01; done
	local r=0
	! scan "mem:$planted" || r=1
	kill $planted "$(cat "$dir/sleeps")"
	wait $planted 2>/dev/null
	rm -r "$dir/plants"
	return $r
}
is "what is planted is found, in each form, in files and in memory" plants

# a container's process: it keeps all that it is told
cat >"$dir/up/client.py" <<-'END'
	import os, sys
	sys.path.insert(0, sys.argv[1])
	from wire import Conn, Cut, read_reply
	port, tokens, kept = int(sys.argv[2]), os.environ["TOKENS"].split(), []
	def ask(token, line, more=b"", body=b"", method="GET"):
	    conn = Conn(port, 15)
	    conn.send(line + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode() + b"\r\n" + more + b"\r\n" + body)
	    try:
	        seen = []
	        reply = read_reply(conn, method, seen)
	        kept.append((reply.status, reply.fields, reply.body, reply.trailers, conn.buf))
	    except Cut as e:
	        kept.append((str(e), conn.buf))
	    conn.close()
	for token in tokens:
	    for target in b"/trailers", b"/headers", b"/hints", b"/204", b"/gzip", b"/redirect?/hello", b"/dead", b"/half", b"/junk", b"/close", b"/new", b"/-/health", b"/big?100000", b"/" + b"x" * 9000:
	        ask(token, b"GET " + target)
	    ask(token, b"HEAD /head", method="HEAD")
	    ask(token, b"TRACE /echo")
	    ask(token, b"POST /new", b"Content-Length: 3\r\n", b"abc")
	    ask(token, b"POST /sum", b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abc")
	    ask(token, b"POST /expect", b"Content-Length: 2\r\nExpect: 100-continue\r\n", b"ok")
	    ask(token, b"GET /ws", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
	    ask("terok-p-00000000000000000000000000000000", b"GET /echo")
	with open(sys.argv[3], "w") as f:
	    f.write(repr(kept))
	print("ready", len(kept), {k[0] for k in kept}, flush=True)
	sys.stdin.read()
	END
mkfifo "$dir/never"
exec 9<>"$dir/never"
run_client() {
	echo "$newer" >"$dir/up/good" && printf '200 {"access_token":"%s","refresh_token":"%s","expires_in":3600}' "$newer" "$newer_refresh" >"$dir/up/answer" || return
	: >"$dir/client/out"
	env -i PATH="$PATH" PYTHONDONTWRITEBYTECODE=1 TOKENS="$api $bare $gitlab $o $down" python3 "$dir/up/client.py" "$here" "$port" "$dir/client/kept" <"$dir/never" >"$dir/client/out" 2>&1 &
	client=$!
	others=("$client")
	local i
	for ((i = 0; i < 3000; i++)); do
		grep -q ready "$dir/client/out" && break
		kill -0 $client || break
		sleep 0.02
	done
	cat "$dir/client/out" && grep -q "^ready .*200" "$dir/client/out" && grep -q 502 "$dir/client/out" && grep -q "$newer" "$dir/up/seen" && grep -q "$pat" "$dir/up/seen" && grep -q "$refresh" "$dir/up/refreshed"
}
is "a client asks for all kinds of things; the upstreams had each secret" run_client
errors() { # what a token's URL says of secrets goes nowhere
	printf '400 {"error":"%s %s %s"}' "$newer_refresh" "$client_secret" "$newer" >"$dir/up/answer" && echo nothing >"$dir/up/good" && serve --log-level DEBUG && code 401 "$o" /new && body old &&
		printf '200 %s' "$newer_refresh" >"$dir/up/answer" && serve --log-level DEBUG && code 401 "$o" /new && grep -q 'not refreshed' "$dir/log" &&
		"$proxy" credential list && "$proxy" token list && "$proxy" status && "$proxy" route lint --routes-file "$routes"
}
told() { errors >"$dir/client/told" 2>&1 || { cat "$dir/client/told"; return 1; }; }
is "a refresh fails, with secrets in what is said of it; verbs tell what there is" told
is "no run of a secret's bytes is in the client's memory" scan "mem:$client"
is "... its environment, argv, and files, what verbs told among them" scan "/proc/$client/environ" "/proc/$client/cmdline" "$dir/client"
is "... the proxy's log and audit" scan "$dir/log" "$audit"
is "... its argv and environment" scan "/proc/$server/cmdline" "/proc/$server/environ"
files() { mv "$routes" "$dir/up/" && scan "$dir/c" "$dir/r" "$dir/x" "$dir/run"; } # but routes.json, which people write
is "... or any file of its own: the store's are sealed" files
cores() { grep -q '^Max core file size *0 *0 ' "/proc/$server/limits" && grep -q '^CapEff:.*0000000000000000' "/proc/$server/status" && grep -q '^NoNewPrivs:.*1' "/proc/$server/status"; }
is "there is no core of it, and it has no powers" cores
# as a process of the same user, without powers, which reads any other such process's memory
drop=()
[ "$(id -u)" != 0 ] || drop=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all)
reads() { "${drop[@]}" cat "/proc/$1/$2" >/dev/null; }
"${drop[@]}" sleep 1000 &
others+=("$!") other=$!
memory() { reads "$other" maps && reads "$other" environ && ! reads "$server" maps && ! reads "$server" environ && ! reads "$server" auxv; }
sanitized() { grep -qa __asan_init "$proxy"; } # its leak check reads it
sanitized || is "its memory is not that of its user's other processes to read, as others' is" memory
exec 9>&-
finish
