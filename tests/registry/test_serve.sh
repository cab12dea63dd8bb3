#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_serve.sh - terok-cp serve, called by a stock gRPC: who may register, what is kept, who is refused how
set -u
dir='' cp='' db='' log='' here='' server='' agent_port='' admin_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

"$cp" pki init >/dev/null
issue a aa dev proj
serve
denied="PERMISSION_DENIED registration rejected"
failed="PERMISSION_DENIED register: identity check failed"

is "an agent registers" same "$(register "$dir/a" dev proj)" "OK 0"
is "its row is there" same "$("$cp" agents --json | jq -r '.[] | .agent_name, .project, .container_id' | tr '\n' ' ')" "dev proj aa "
is "with its certificate" same "$("$cp" agents --json | jq -r '.[0].cert_thumbprint')" \
	"$(openssl x509 -in "$dir/a/cert.pem" -outform DER | sha256sum | cut -d' ' -f1)"
is "again it is welcome" same "$(register "$dir/a" dev proj)" "OK 0"
is "and that is no second row" same "$(rows)" 1
is "it is said so" logged agent_register_idempotent

is "a request in a stream that does not end is a request" same "$(client stream "$dir/a" $agent_port dev proj)" "OK 0"
there "aa dev proj 10.0.0.1"
is "a stream that says nothing is refused for who it is" same "$(client stream "$dir/a" $agent_port)" "$denied"
there "aa dev proj 127.0.0.1"

is "without a token" same "$(register "$dir/a" dev proj -)" "UNAUTHENTICATED missing bearer token"
issue a2 aa dev proj
is "another certificate of the container is refused" same "$(register "$dir/a2" dev proj)" "$failed"
is "its event" logged agent_register_thumbprint_replay
is "an assertion of another certificate is none" same "$(register "$dir/a2" dev proj "$dir/a/assertion.jwt")" "UNAUTHENTICATED token inactive"
is "a request that is not what the labels say is refused" same "$(register "$dir/a" other proj)" "$failed"
is "a request without an agent is invalid" same "$(register "$dir/a" "" proj)" "INVALID_ARGUMENT register: invalid agent name"
is "bytes that are no request are invalid" same "$(client raw "$dir/a" $agent_port /clawker.agent.v1.AgentService/Register 0aff)" \
	"INVALID_ARGUMENT register: malformed request"
is "a request that is many times longer when it is decoded is none" same \
	"$(client raw "$dir/a" $agent_port /clawker.agent.v1.AgentService/Register "0a03646576120470726f6a$(printf '7800%.0s' {1..20000})")" \
	"INVALID_ARGUMENT register: malformed request"
is "a method that nobody serves is none" same "$(client raw "$dir/a" $agent_port /clawker.agent.v1.AgentService/Other "" | cut -d' ' -f1)" UNIMPLEMENTED
is "nor is a method of the other listener" same "$(client raw "$dir/a" $agent_port /clawker.admin.v1.AdminService/ListAgents "" | cut -d' ' -f1)" UNIMPLEMENTED
is "an agent may not list" same "$(client raw "$dir/a" $admin_port /clawker.admin.v1.AdminService/ListAgents "")" \
	'PERMISSION_DENIED token missing required scope "admin"'

"$cp" pki assert >"$dir/token"
is "people's program lists" same "$(client list "$dir/c/pki" $admin_port "$dir/token" | cut -d' ' -f1-3)" "dev proj aa"
is "as the registry has it" same "$(client list "$dir/c/pki" $admin_port "$dir/token" | cut -d' ' -f4)" "$("$cp" agents --json | jq -r '.[0].cert_thumbprint')"
sqlite3 "$db" "ALTER TABLE agents RENAME TO others"
is "a registry that cannot be read is an error, and not empty" same "$(client list "$dir/c/pki" $admin_port "$dir/token")" \
	"INTERNAL list agents: snapshot unavailable"
is "its event" logged list_agents_snapshot_failed
sqlite3 "$db" "ALTER TABLE others RENAME TO agents"

# Register is not exempt from any stage.
issue other aa dev2 proj
is "a certificate of another name is refused" same "$(register "$dir/other" dev2 proj)" "$denied"
is "its event" logged agent_identity_san_label_mismatch
there "aa dev proj 127.0.0.1" "bb dev proj 127.0.0.1"
is "two at one address are nobody" same "$(register "$dir/a" dev proj)" "$denied"
is "its event" logged agent_identity_ambiguous_peer_ip
there "aa dev proj 10.0.0.1"
is "nobody at the address is nobody" same "$(register "$dir/a" dev proj)" "$denied"
is "its event" logged agent_identity_peer_lookup_no_match
there "aa a.b proj 127.0.0.1"
is "labels that name no agent are nobody" same "$(register "$dir/a" dev proj)" "$denied"
is "its event" logged agent_identity_invalid_labels
touch "$dir/away"
is "a runtime that does not answer lets nobody in" same "$(register "$dir/a" dev proj)" "$denied"
is "its event" logged agent_identity_peer_lookup_error
rm "$dir/away"
mkdir "$dir/cli" && cp "$dir/a/ca.pem" "$dir/a/assertion.jwt" "$dir/cli"
openssl x509 -in "$dir/c/pki/cli.pem" -out "$dir/cli/cert.pem" && openssl pkey -in "$dir/c/pki/cli.pem" -out "$dir/cli/key.pem"
is "an assertion in other hands is worth nothing" same "$(register "$dir/cli" dev proj)" "UNAUTHENTICATED token inactive"
there "aa dev proj 127.0.0.1" "cc container2 - 127.0.0.2"
issue cc cc dev proj
is "a certificate of another container is refused" same "$(register "$dir/cc" dev proj)" "$failed"
is "its event" logged agent_register_container_id_mismatch

# --- TLS
tls() { # tls PORT [OPTIONS]: what the server says to a client that opens a connection
	timeout 10 openssl s_client -connect "127.0.0.1:$1" -alpn h2 -CAfile "$dir/c/pki/ca.pem" "${@:2}" </dev/null 2>&1
}
is "with a certificate of ours TLS is made" grep -q 'Verify return code: 0' <(tls $agent_port -cert "$dir/a/cert.pem" -key "$dir/a/key.pem")
for port in $agent_port $admin_port; do
	is "TLS 1.2 is refused ($((port == agent_port ? 7444 : 7443)))" grep -q 'alert protocol version' <(tls $port -tls1_2 -cert "$dir/a/cert.pem" -key "$dir/a/key.pem")
done
mkdir "$dir/none" && cp "$dir/a/ca.pem" "$dir/a/assertion.jwt" "$dir/none"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/none/key.pem" -out "$dir/none/cert.pem" -days 2 \
	-subj "/CN=clawker-clawkerd" -addext "subjectAltName=URI:urn:clawker:agent:clawker.proj.dev,URI:urn:clawker:container:aa" 2>/dev/null
is "a certificate of another authority is refused" same "$(register "$dir/none" dev proj | cut -d' ' -f1)" UNAVAILABLE
is "and none at all" grep -q 'alert certificate required\|tlsv13 alert' <(tls $agent_port -tls1_3 -ign_eof <<<x)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/none/key.pem" -out "$dir/none/cert.pem" -days 2 -subj "/CN=x" 2>/dev/null
is "and one without a certificate of ours has no stream" same "$(client stream "$dir/none" $agent_port | cut -d' ' -f1)" UNAVAILABLE
is "plain text is refused" same "$(curl -s --max-time 5 --http2-prior-knowledge "http://127.0.0.1:$agent_port/" -o /dev/null -w '%{http_code}')" 000

# --- what one peer may take
limits() { timeout 60 /usr/bin/python3 "$here/cp_limits.py" "$@"; }
is "a message of 64 KiB is read" same "$(client sized "$dir/a" $agent_port dev proj 65536)" "OK 0"
is "a byte more is too much" same "$(client sized "$dir/a" $agent_port dev proj 65537 | cut -d' ' -f1)" RESOURCE_EXHAUSTED
is "an agent has 8 calls at once on a connection, and with a ninth it is cut off" \
	same "$(limits streams "$dir/a" $agent_port /clawker.agent.v1.AgentService/Register)" "8 True True False"
is "an address has 16 connections, and no more until one has gone" same "$(limits connections "$dir/a" $agent_port)" "16 16 False"
is "people's program has what gRPC has" same "$(limits connections "$dir/cli" $admin_port)" "64 64 False"

# --- what outlives it
stop KILL
serve
is "who was registered is, after it was killed" same "$("$cp" agents --json | jq -r '.[0].container_id')" aa
is "and welcome" same "$(register "$dir/a" dev proj)" "OK 0"
is "a second one is refused" same "$("$cp" serve --agent-port $((agent_port + 12000)) --admin-port $((admin_port + 12000)) --socket "$dir/second.sock" 2>&1 | grep -c 'has had it')" 1
"$cp" pki rotate assertion server >/dev/null
kill -HUP "$server"
for ((i = 0; i < 500 && $(grep -c 'read again' "$log") == 0; i++)); do sleep 0.02; done
issue new aa dev proj
is "after a rotation and a SIGHUP new assertions are believed" same "$(register "$dir/new" dev proj)" "$failed"
is "and those of before" same "$(register "$dir/a" dev proj)" "OK 0"
stop
there "dd x - 10.0.0.9"
serve
is "rows of containers that are gone go at the start" same "$(rows)" 0
is "all containers were listed for that, stopped ones too" grep -q '^ps .*--all' "$dir/asked"
there "aa dev proj 127.0.0.1"
is "and its agent registers again" same "$(register "$dir/a" dev proj)" "OK 0"
stop
touch "$dir/away"
serve
is "a runtime that is away at the start costs no row" same "$(rows)" 1
is "and is said" logged agent.reap.degraded
rm "$dir/away"
stop
exit $bad
