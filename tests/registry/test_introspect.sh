#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_introspect.sh - terok-cp serve asks a server about tokens: what it says counts, and nobody waits for another's answer
set -u
dir='' cp='' log='' here='' server='' agent_port='' admin_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
there_is() { # FILE: at most 10 s
	local i
	for ((i = 0; i < 1000; i++)); do [ ! -e "$1" ] || return 0; sleep 0.01; done
	return 1
}
for name in ca stranger; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$name.key" -out "$dir/$name.pem" -days 2 -subj "/CN=a test's $name" 2>/dev/null
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/token.key" -out "$dir/token.csr" -subj /CN=localhost 2>/dev/null
openssl x509 -req -in "$dir/token.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 -out "$dir/token.pem" -extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
cat "$dir/token.key" >>"$dir/token.pem"
mkfifo "$dir/slow-one" "$dir/slow-two" "$dir/slow-three"
/usr/bin/python3 "$here/token_server.py" "$dir" &
tokens=$!
others+=("$tokens")
there_is "$dir/token.port" || { echo "not ok there is a server of tokens"; exit 1; }
url=https://localhost:$(cat "$dir/token.port")/introspect

"$cp" pki init >/dev/null
issue a aa dev proj
export https_proxy=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 # nobody is there: it takes none
serve --introspect "$url" --introspect-ca "$dir/ca.pem"
unset https_proxy HTTPS_PROXY
with() { # TOKEN: what an agent hears that shows it
	printf %s "$1" >"$dir/token.$1"
	register "$dir/a" dev proj "$dir/token.$1"
}
missing='PERMISSION_DENIED token missing required scope "agent:self:register"'
inactive="UNAUTHENTICATED token inactive"
failed="UNAUTHENTICATED token validation failed"

is "a token that is active and has the scope registers" same "$(with active)" "OK 0"
is "the server was asked for the token and the scope, in a form" same "$(jq -c . "$dir/questions")" \
	'["/introspect","application/x-www-form-urlencoded",{"scope":"agent:self:register","token":"active"}]'
is "its row is there" same "$("$cp" agents --json | jq -r '.[] | .agent_name, .project' | tr '\n' ' ')" "dev proj "
is "a token that is not active is none" same "$(with inactive)" "$inactive"
is "nor is one whose time is over" same "$(with over)" "$inactive"
is "one without the scope is told so" same "$(with no-scope)" "$missing"
is "a scope that begins like it is another" same "$(with part-of-scope)" "$missing"
is "another client hears the same" same "$(with other-client)" "$missing"
is "and so does one without a name" same "$(with no-client)" "$missing"
for token in no-json text nothing status redirect large cut; do
	is "no answer as it should be, nobody is let in: $token" same "$(with $token)" "$failed"
done
is "it was not followed to where it pointed" same "$(grep -c elsewhere "$dir/questions")" 0
is "it is said why" logged auth_introspection_failed
printf admin >"$dir/admin"
is "people's program lists with a token of its scope" same "$(client list "$dir/c/pki" $admin_port "$dir/admin" | cut -d' ' -f1-3)" "dev proj aa"
printf active >"$dir/active"
is "and not with an agent's" same "$(client list "$dir/c/pki" $admin_port "$dir/active")" 'PERMISSION_DENIED token missing required scope "admin"'

# --- a server that does not answer
asked() { # TOKEN: the server has the question
	local i
	for ((i = 0; i < 1000; i++)); do ! grep -q "\"$1\"" "$dir/questions" || return 0; sleep 0.01; done
	return 1
}
slowly() { # TOKEN: what it hears and after how many ms, in heard-TOKEN
	local began=${EPOCHREALTIME/./} said
	said=$(with "$1")
	echo "$said $(((${EPOCHREALTIME/./} - began) / 1000))" >"$dir/heard.new"
	mv "$dir/heard.new" "$dir/heard-$1"
}
beside() { # others are served while it is waited for
	slowly slow-one &
	local slow=$! r
	asked slow-one && same "$(with active)" "OK 0" && same "$(with inactive)" "$inactive" && [ ! -e "$dir/heard-slow-one" ]
	r=$?
	wait $slow
	return $r
}
is "a server that is slow about one token holds up nobody else" beside
late() { # what a busy machine makes of 5 s
	local ms
	ms=$(sed 's/.* //' "$dir/heard-slow-one")
	same "$(sed 's/ [0-9]*$//' "$dir/heard-slow-one")" "$failed" && [ "$ms" -ge 4900 ] && [ "$ms" -lt 15000 ] || { echo "$ms ms"; return 1; }
}
is "and costs that one 5 s, and no registration" late
in_time() {
	slowly slow-two &
	local slow=$!
	asked slow-two && timeout 10 sh -c 'echo go >"$1"' sh "$dir/slow-two"
	wait $slow
	same "$(cut -d' ' -f1,2 "$dir/heard-slow-two")" "OK 0"
}
is "who answers late and in time is heard" in_time
gone() { # a client that does not wait
	printf slow-three >"$dir/token.slow-three"
	/usr/bin/python3 "$here/cp_client.py" register "$dir/a" $agent_port dev proj "$dir/token.slow-three" &
	local slow=$!
	others+=("$slow")
	asked slow-three || return
	kill -KILL $slow
	wait $slow 2>/dev/null
	others=("$tokens")
	kill -0 "$server" && same "$(with active)" "OK 0"
}
is "a client that goes away meanwhile hurts nobody" gone
stop

# --- a server that is another, and none at all
serve --introspect "$url" --introspect-ca "$dir/stranger.pem"
before=$(wc -l <"$dir/questions")
is "a server of another authority is not believed" same "$(with active)" "$failed"
stop
serve --introspect "${url/localhost/127.0.0.1}" --introspect-ca "$dir/ca.pem"
is "nor one of another name" same "$(with active)" "$failed"
is "neither saw the token" same "$(wc -l <"$dir/questions")" "$before"
stop
serve --introspect "$url" --introspect-ca "$dir/ca.pem"
is "without its certificate's faults it is" same "$(with active)" "OK 0"
kill $tokens
wait $tokens 2>/dev/null
others=()
is "a server that is away lets nobody in" same "$(with active)" "$failed"
stop
is "http is no way to ask" same "$("$cp" serve --agent-port $agent_port --admin-port $admin_port --introspect "${url/https/http}" 2>&1 | grep -c 'by https alone')" 1
exit $bad
