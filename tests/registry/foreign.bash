# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# foreign.bash - user/grpc with a gRPC that is not ours: it calls our server, and serves our client
#
# Sourced, with B, here and: foreign, the words that begin foreign.py or its like; prepare, what it wants in the
# folder that it has; raises, the text of its server whose method raises "on purpose". What is tried is here,
# once for all of them.
peer=$B/tests/registry/peer/grpc_peer
[ -x "$peer" ] || { echo "$peer is not there (make)"; exit 1; }
NEEDS=curl
. "$here/registry.bash"
ours="" theirs=""
hang_up() { # both end with what they read
	exec 7>&- 8>&- 9>&-
	[ -z "$ours" ] || wait "$ours"
	[ -z "$theirs" ] || wait "$theirs"
	cleanup
}
trap hang_up EXIT
cd "$dir" || exit 1

# issue NAME CN EXTENSIONS [CA]: a key and a certificate
issue() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null &&
		printf '%s\n' "$3" >"$1.ext" &&
		openssl x509 -req -in "$1.csr" -CA "${4:-ca}.pem" -CAkey "${4:-ca}.key" -CAcreateserial -days 1 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
root() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -days 1 -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
root ca && root foreign &&
	issue server clawker-controlplane $'subjectAltName=DNS:clawker-controlplane,IP:127.0.0.1\nextendedKeyUsage=serverAuth' &&
	issue client clawker-controlplane 'extendedKeyUsage=clientAuth' &&
	issue agent clawker-clawkerd $'subjectAltName=URI:urn:clawker:agent:clawker.p.a\nextendedKeyUsage=clientAuth,serverAuth' &&
	issue other other 'extendedKeyUsage=clientAuth' && issue noeku clawker-controlplane 'keyUsage=digitalSignature' &&
	issue wrongca clawker-controlplane 'extendedKeyUsage=clientAuth' foreign &&
	issue wrongserver clawker-controlplane 'subjectAltName=DNS:clawker-controlplane' foreign || { echo "certificates were not made"; exit 1; }
prepare || exit 1
foreign() { timeout 120 "${foreign[@]}" "$1" "$dir" "${@:2}"; }
# what a server says first; $1: the file that it writes
port_of() {
	local i
	for i in $(seq 200); do
		sed -n 's/^port //p;T;q' "$1" | grep . && return
		read -rt 0.05 <> <(:)
	done
	return 1
}

# What each client does, and what is said of it: NAME is a function of foreign.py and of foreign.js.
CASES="register a unary call with the registry's messages
denied a status with a text in any letters
session a session of 50 commands, both ways
big a message of 4 MiB comes back
bigger one byte more is RESOURCE_EXHAUSTED
many 500 messages in one call
slow 4 MiB wait for a client that does not read
at_once 300 calls at once, of which 100 may be open
deadline a deadline
cancel a cancelled call
early a call that we end while the client could say more
nothing a method that is not there
metadata metadata
long_headers headers of 20 kB are RESOURCE_EXHAUSTED
compressed a compressed message is UNIMPLEMENTED
garbage a message that is none
register and the connection is as it was"
case_is() { # the first line of it that nobody has read
	local said
	said=$(grep -nm 1 "^\(not \)\?ok $1\b" client.out) || { echo "nothing is said of $1"; cat client.err; return 1; }
	sed -i "${said%%:*}d" client.out
	[[ ${said#*:} == ok* ]] || { echo "$said"; return 1; }
}

# --- their client, our server -----------------------------------------------------------
mkfifo one two
"$peer" serve server.pem server.key ca.pem <one >serve.out 2>&1 &
ours=$!
exec 8>one
port=$(port_of serve.out) || { cat serve.out; exit 1; }
foreign client "$port" $(cut -d' ' -f1 <<<"$CASES") >client.out 2>client.err || { cat client.err; bad=1; }
while read -r case name; do
	is "$name" case_is "$case"
done <<<"$CASES"
told() { grep -q "call /test.Peer/Echo cn=clawker-controlplane uri=- authorization=Bearer t0k3n deadline=1" serve.out; }
is "our server knows the token, the certificate and that there is a deadline" told
cancelled() { grep -q "over /test.Peer/Silent CANCELLED" serve.out; }
is "our server hears that a call was cancelled" cancelled
late() { [ "$(grep -c "over /test.Peer/Silent CANCELLED\|over /test.Peer/Silent DEADLINE_EXCEEDED" serve.out)" = 2 ]; }
is "our server hears that a call is too late" late
refuses() { [ "$(foreign refused "$port" "$1")" = "refused UNAVAILABLE" ]; }
takes() { [ "$(foreign refused "$port" "$1")" = taken ]; }
is "a client without a certificate is refused" refuses -
is "one of another CA is refused" refuses wrongca
is "one of ours is taken" takes other
tls12() { ! openssl s_client -connect "127.0.0.1:$port" -tls1_2 -alpn h2 -cert client.pem -key client.key </dev/null >tls12 2>&1 && grep -q "alert protocol version" tls12 || { cat tls12; return 1; }; }
is "TLS 1.2 is refused" tls12
tls13() { openssl s_client -connect "127.0.0.1:$port" -tls1_3 -alpn h2 -cert client.pem -key client.key </dev/null >tls13 2>&1 && grep -q "ALPN protocol: h2" tls13 || { cat tls13; return 1; }; }
is "TLS 1.3 with h2 is taken" tls13
resumes() { # what it would be resumed by, and begun early
	rm -f ticket
	(echo; read -rt 1 <> <(:)) | openssl s_client -connect "127.0.0.1:$port" -tls1_3 -alpn h2 -cert client.pem -key client.key -sess_out ticket >resumed 2>&1
	! grep -q "New Session Ticket\|Early data was accepted" resumed && [ ! -s ticket ]
}
is "no session can be resumed, so nothing comes before a handshake" resumes
no_alpn() { openssl s_client -connect "127.0.0.1:$port" -tls1_3 -alpn http/1.1 -cert client.pem -key client.key </dev/null >alpn 2>&1; grep -q "alert no application protocol" alpn || { cat alpn; return 1; }; }
is "another protocol is refused" no_alpn
plain() { curl -sS --max-time 5 --http2-prior-knowledge "http://127.0.0.1:$port/" >plain 2>&1; [ $? -ne 0 ]; }
is "plain HTTP/2 is refused" plain
web() { [ "$(curl -sS --max-time 5 --http2 --tlsv1.3 --cacert ca.pem --cert client.pem --key client.key -o web -w '%{http_code}' -X POST -H "$1" "https://127.0.0.1:$port/test.Peer/Echo")" = "$2" ]; }
is "another content-type is 415" web "content-type: text/plain" 415
lives() { [ "$(foreign idle "$port" 11)" = kept ] && ! grep -q "calm" serve.out; }
is "a client that pings every 10 s, as stock keep-alive does, is kept" lives
mkfifo say
foreign leaving "$port" <say >leaving.out 2>leaving.err &
it=$!
exec 7>say
leaves() {
	local i
	for i in $(seq 200); do grep -q open leaving.out && break; read -rt 0.05 <> <(:); done
	echo >&8
	until_refused && echo >&7
	wait "$it"
	grep -qx "status OK another UNAVAILABLE" leaving.out || { cat leaving.out leaving.err serve.out; return 1; }
}
until_refused() { local i; for i in $(seq 200); do (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0; read -rt 0.05 <> <(:); done; return 1; }
is "a call goes on that is open when our server leaves, and no other begins" leaves
exec 7>&-
exec 8>&-
wait "$ours"
ours=""

"$peer" serve agent.pem agent.key ca.pem clawker-controlplane <one >strict.out 2>&1 &
ours=$!
exec 8>one
port=$(port_of strict.out) || { cat strict.out; exit 1; }
# grpcio looks for the name that it calls: it is the agent's side that is tried here, by openssl
strict() { # CERT: what the server says of it
	: >strict.out
	(echo; read -rt 1 <> <(:)) | timeout 10 openssl s_client -connect "127.0.0.1:$port" -tls1_3 -alpn h2 ${1:+-cert "$1.pem" -key "$1.key"} >strict.said 2>&1
	grep -q "$2" strict.out || { cat strict.out strict.said; return 1; }
}
is "strict: another name is refused" strict other "not that of the name"
is "strict: no client's use is refused" strict noeku "not that of the name"
is "strict: another CA is refused" strict wrongca "unable to get local issuer"
is "strict: no certificate is refused" strict "" "did not return a certificate"
exec 8>&-
wait "$ours"
ours=""

# --- our client, their server -----------------------------------------------------------
foreign serve server <two >theirs.out 2>theirs.err &
theirs=$!
exec 9>two
port=$(port_of theirs.out) || { cat theirs.out theirs.err; exit 1; }
ours_calls() { timeout 60 "$peer" call "$port" agent.pem agent.key ca.pem "${as:-clawker-controlplane}" "$@" >call.out 2>&1; }
said() { grep -qxF -- "$1" call.out || { cat call.out theirs.err; return 1; }; }
well() { grep -q "^status OK" call.out || { cat call.out theirs.err; return 1; }; } # some say "OK" once more
register() { ours_calls /clawker.agent.v1.AgentService/Register 1 0 && said "message 0" && well; }
is "our client calls Register of theirs" register
session() { ours_calls /clawker.clawkerd.v1.ClawkerdService/Session 20 0 && well && [ "$(grep -c "^message .* hello$" call.out)" = 20 ]; }
is "our client has a session with theirs" session
big() { ours_calls /test.Peer/Echo 3 4194304 && well && [ "$(grep -cx "message 4194304" call.out)" = 3 ]; }
is "messages of 4 MiB go both ways" big
deny() { ours_calls /test.Peer/Deny 1 1 && said "status PERMISSION_DENIED no: 100 % ü x-peer=why"; }
is "their status, its text and its trailers, and no message" deny
broken() { ours_calls /test.Peer/Raise 1 1 && said "status UNKNOWN $raises"; }
is "their exception" broken
none() { ours_calls /test.Peer/None 1 1 && grep -q "^status UNIMPLEMENTED" call.out; }
is "a method that they do not have" none
heard() { local i; for i in $(seq 200); do grep -qx "$1" theirs.out && return; read -rt 0.05 <> <(:); done; cat theirs.out; return 1; }
deadline() { ours_calls /test.Peer/Silent 1 1 1000 && { grep -qix "status DEADLINE_EXCEEDED deadline exceeded" call.out || { cat call.out; return 1; }; } && heard "deadline some"; }
is "a deadline, which they know of" deadline
gone() { heard gone; }
is "they hear that it is over" gone
cancel() { ours_calls /test.Peer/Echo 0 1 && said cancelled; }
is "a call that we cancel" cancel
said_back() { ours_calls /test.Peer/Said 1 1 0 authorization "Bearer a b" && grep -q "^status OK .*x-peer=Bearer a b$" call.out; }
is "headers of ours, and trailers of theirs" said_back
early() { ours_calls /test.Peer/Early 2 1 && said "message 1" && well && [ "$(grep -c "^message" call.out)" = 1 ]; }
is "a call that they end while we could say more" early
wrong_name() { as=someone ours_calls /test.Peer/Echo 1 1 && grep -q "^down TLS: the peer's certificate: hostname mismatch" call.out || { cat call.out; return 1; }; }
is "a server of another name is refused" wrong_name
captured() { as=- ours_calls /test.Peer/Echo 1 1 && said "up clawker-controlplane chain=1 "; }
is "and taken if any is" captured
# served: they leave with the one that is tried
served() { # WHAT CERT
	exec 9>&-
	wait "$theirs"
	foreign serve "$1" <two >theirs.out 2>theirs.err &
	theirs=$!
	exec 9>two
	port=$(port_of theirs.out) || { cat theirs.out theirs.err; exit 1; }
}
leave() { ours_calls /test.Peer/Leave 4 1 && [ "$(grep -cx "message 1" call.out)" = 4 ] && well && said left; }
is "a call goes on that is open when they leave, and no other begins" leave
served server
drop() { ours_calls /test.Peer/Drop 2 1 && grep -q "^status \(UNAVAILABLE\|CANCELLED\|INTERNAL\) " call.out; }
is "a server that stops in a call ends it" drop
exec 9>&-
wait "$theirs"
theirs=""
foreign serve wrongserver <two >theirs.out 2>theirs.err &
theirs=$!
exec 9>two
port=$(port_of theirs.out) || { cat theirs.out theirs.err; exit 1; }
wrong_ca() { ours_calls /test.Peer/Echo 1 1 && grep -q "^down TLS: the peer's certificate: unable to get local issuer certificate" call.out || { cat call.out; return 1; }; }
is "a server of another CA is refused" wrong_ca
capture() { as=- ours_calls /test.Peer/Echo 1 1 && said "up clawker-controlplane chain=0 unable to get local issuer certificate" && well; }
is "and captured, called, and said to be none" capture
killed() {
	timeout 60 "$peer" call "$port" agent.pem agent.key ca.pem - /test.Peer/Silent 1 1 >call.out 2>&1 &
	local it=$! i
	for i in $(seq 100); do grep -qx "deadline none" theirs.out && break; read -rt 0.05 <> <(:); done
	kill -9 "$(sed -n 's/^pid //p' theirs.out)"
	wait "$it"
	grep -q "^status UNAVAILABLE the peer closed the connection" call.out || { cat call.out; return 1; }
}
is "a server that is killed in a call is UNAVAILABLE" killed
exit $bad
