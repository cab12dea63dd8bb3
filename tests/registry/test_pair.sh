#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_pair.sh - terok-cp and terok-agentd together: a bundle that one has issued lets the other register, and no other does
set -u
dir='' cp='' log='' here='' server='' agent_port='' admin_port='' bad='' denied='' db=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
agentd=$B/terok-agentd port=$((14000 + RANDOM % 6000)) agent=
[ -x "$agentd" ] || { echo "$agentd is not there (make)"; exit 1; }
failed="PERMISSION_DENIED: register: identity check failed"

up() { # BUNDLE [AGENT [PROJECT]]: an agent's first process, which listens
	local i try
	for ((try = 0; try < 20; try++)); do
		env CLAWKER_AGENT="${2-dev}" CLAWKER_PROJECT="${3-proj}" CLAWKER_CP_AGENT_ADDR=127.0.0.1:$agent_port \
			"$agentd" run --listen 127.0.0.1:$port --bootstrap "$dir/$1" >"$dir/agent.log" 2>&1 </dev/null &
		agent=$! others=("$!")
		for ((i = 0; i < 500; i++)); do
			! grep -q 'listens at' "$dir/agent.log" || return 0
			kill -0 $agent 2>/dev/null || break
			sleep 0.02
		done
		grep -q 'already in use' "$dir/agent.log" || break
		port=$((14000 + RANDOM % 6000))
	done
	return 1
}
down() {
	kill -KILL "$agent" 2>/dev/null
	wait "$agent" 2>/dev/null
	others=()
}
session() { timeout 60 /usr/bin/python3 "$here/cp_session.py" "$@" "$port"; } # CERT CA
registers() { session "$dir/c/pki/client.pem" "$dir/c/pki/ca.pem" | tail -n 1; }
other() { # BUNDLE [AGENT [PROJECT]]: what an agent with it is told that registers
	up "$@" || { cat "$dir/agent.log"; return; }
	registers
	down
}
row() { "$cp" agents --json | jq -r '.[] | .agent_name, .project, .container_id, .cert_thumbprint' | tr '\n' ' '; }
print() { openssl x509 -in "$dir/$1/cert.pem" -outform DER | sha256sum | cut -d' ' -f1; }

"$cp" pki init >/dev/null
issue a aa dev proj
issue two aa dev proj
issue b bb dev2 proj
up a || { echo "not ok an agent listens"; cat "$dir/agent.log"; exit 1; }
is "while there is no control plane it cannot register" same "$(registers)" "cannot connect: Connection refused"
serve
is "told again, it does, by the assertion of its bundle" same "$(session "$dir/c/pki/client.pem" "$dir/c/pki/ca.pem" | tr '\n' ' ')" \
	"urn:clawker:agent:clawker.proj.dev urn:clawker:container:aa registered "
is "its row is there, with its certificate" same "$(row)" "dev proj aa $(print a) "
is "people's program has no session with it" same "$(session "$dir/c/pki/cli.pem" "$dir/c/pki/ca.pem")" refused
cat "$dir/b/cert.pem" "$dir/b/key.pem" >"$dir/b.pem"
is "nor has another agent" same "$(session "$dir/b.pem" "$dir/c/pki/ca.pem")" refused
is "told once more, it has been" same "$(registers)" registered
down
is "begun anew with the same bundle it is welcome" same "$(other a)" registered
is "that is one row" same "$(rows)" 1

# --- bundles that are not its own
replace() { # BUNDLE FILE FROM
	rm -f "$dir/$1/$2" && cp "$dir/$3/$2" "$dir/$1/$2"
}
is "another certificate for the same container is refused" same "$(other two)" "$failed"
issue stolen aa dev proj
replace stolen assertion.jwt a
is "an assertion is worth nothing with another bundle's key" same "$(other stolen)" "UNAUTHENTICATED: token inactive"
issue mixed aa dev proj
replace mixed key.pem a
is "a certificate and another bundle's key are nobody" grep -q "our key does not belong to the certificate" <(other mixed)
is "a bundle of another container is refused at this address" same "$(other b dev2)" "PERMISSION_DENIED: registration rejected"
is "and who says another name than its bundle's" same "$(other a dev2)" "$failed"
is "the row is as it was" same "$(row)" "dev proj aa $(print a) "

# --- another root
export TEROK_CREDENTIALS_DIR=$dir/c2
"$cp" pki init >/dev/null
issue far aa dev proj
export TEROK_CREDENTIALS_DIR=$dir/c
up far
is "the control plane of another root has no session" same "$(session "$dir/c/pki/client.pem" "$dir/c2/pki/ca.pem")" refused
is "its own has one; it does not register with the other" same "$(session "$dir/c2/pki/client.pem" "$dir/c2/pki/ca.pem" | tail -n 1)" \
	"TLS: the peer's certificate: unable to get local issuer certificate"
down
is "still there is one row" same "$(rows)" 1
stop
exit $bad
