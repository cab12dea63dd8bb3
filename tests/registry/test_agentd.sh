#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_agentd.sh - containers whose first process is terok-agentd, and the control plane that stock
# grpcio is (control_plane.py), with certificates that the openssl command made
#
#   tests/registry/test_agentd.sh, as root
# shellcheck source=tests/podman/lib.sh
. "$(dirname "$0")/../podman/lib.sh"
/usr/bin/python3 -c 'import grpc, grpc_tools' 2>/dev/null || skip "no python3-grpcio, python3-grpc-tools"
# Where another podman's libraries lie over this machine's, neither openssl nor grpcio runs: both look
# at the machine's own files, in the lab's network, and share with it what is in LAB_DIR.
[ -n "${LAB_DIR-}" ] || exec 8</proc/self/ns/mnt
enter_lab
on_machine() { nsenter --mount=/proc/self/fd/8 "$@"; }
[ -x "$B/terok-agentd" ] || fail "$B/terok-agentd is not there (make)"
SRC=$(readlink -f "$(dirname "$0")/../..")
PKI=$LAB_DIR/pki STUBS=$LAB_DIR/stubs
CONTAINER=0123456789abcdef
mkdir -p "$PKI" "$STUBS"
on_machine /usr/bin/python3 -m grpc_tools.protoc -I"$SRC/user/proto" --python_out="$STUBS" --grpc_python_out="$STUBS" \
	"$SRC"/user/proto/{agent,clawkerd}.proto

# ca NAME; leaf NAME CA CN EKU [SAN]
ca() {
	on_machine openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$PKI/$1.key" \
		-out "$PKI/$1.pem" -days 1 -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
}
leaf() {
	on_machine openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$PKI/$1.key" \
		-out "$PKI/$1.csr" -subj "/CN=$3" 2>/dev/null
	{
		echo "extendedKeyUsage=$4"
		[ -z "${5-}" ] || echo "subjectAltName=$5"
	} >"$PKI/ext"
	on_machine openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/$2.pem" -CAkey "$PKI/$2.key" -CAcreateserial -days 1 \
		-extfile "$PKI/ext" -out "$PKI/$1.pem" 2>/dev/null
}
ca ca
ca foreign-ca
# the name for a DNS is the client's, which as stock grpcio insists on one: the contract's has URIs alone
leaf agent ca clawker-clawkerd clientAuth,serverAuth \
	"URI:urn:clawker:agent:clawker.proj.web,URI:urn:clawker:container:$CONTAINER,DNS:clawker-clawkerd"
leaf cp-client ca clawker-controlplane clientAuth
leaf cp-server ca clawker-controlplane serverAuth "DNS:clawker-controlplane,IP:127.0.0.1"
leaf cli ca clawker-cli clientAuth
leaf no-eku ca clawker-controlplane serverAuth
leaf foreign foreign-ca clawker-controlplane clientAuth

# bundle DIR: what a container is given before it starts
bundle() {
	rm -rf "$1"
	mkdir -m 700 "$1"
	cp "$PKI/agent.pem" "$1/cert.pem"
	cp "$PKI/agent.key" "$1/key.pem"
	cp "$PKI/ca.pem" "$1/ca.pem"
	echo header.claims.signature >"$1/assertion.jwt"
	chmod 400 "$1"/*
}
bundle /run/bundle

make_image
podman import -q /run/image.tar bb >/dev/null
RUN=(podman --runtime "$(runtime runc)" run --ulimit host --network host
	-v "$B/terok-agentd:/agentd:ro" -v /run/bundle:/run/clawker/bootstrap:ro
	--entrypoint /agentd -e CLAWKER_AGENT=web -e CLAWKER_PROJECT=proj
	-e CLAWKER_CP_AGENT_ADDR=127.0.0.1:7444)
cp_says() { on_machine timeout 60 "$SRC/tests/registry/control_plane.py" "$STUBS" "$PKI" "$@"; }
LISTENS=127.0.0.1:7700

# up NAME ARG...: a container whose agentd listens
up() {
	local name=$1
	shift
	"${RUN[@]}" -d --name "$name" "$@" >/dev/null
	for _ in $(seq 200); do # there is nobody but its log to ask
		if podman logs "$name" 2>&1 | grep -q 'listens at'; then return 0; fi
		sleep 0.05
	done
	podman logs "$name" >&2
	fail "$name does not listen"
}
down() { podman rm -f -t 0 "$1" >/dev/null; }
logged() { podman logs "$1" >/run/out 2>&1; said "$2"; }
# code NAME: as it ended
code() { timeout 30 podman wait "$1"; }

# --- who may have a session ---
up web localhost/bb:latest -- /bin/sh -c 'sleep 2; exit 42'
check "the control plane has a session: pipelines, users, input, signals, time-outs, output" \
	cp_says $LISTENS commands
for who in cli no-eku foreign nobody plain; do
	check "no session for: $who" cp_says $LISTENS refused $who
done
check "and the control plane is still served" cp_says $LISTENS commands
logged web 'session_started cn=clawker-controlplane thumbprint=[0-9a-f]\{64\}'
logged web 'session_ended cn=clawker-controlplane'
logged web 'shell_command_done id=slow outcome=timeout'
logged web 'shell_command_done id=gone outcome=spawn_failed'
echo "ok sessions and commands are lines of audit"

# --- the container's command ---
check "AgentReady starts the command, and its exit code is the container's" cp_says $LISTENS ready "done"
[ "$(code web)" = 42 ] || fail "the exit code is not 42: $(podman logs web 2>&1)"
down web

up web localhost/bb:latest -- /no/such/program
check "a command that cannot be started is an error, twice" cp_says $LISTENS ready error
check "and the sessions go on" cp_says $LISTENS commands
down web

up web -e CLAWKER_HOST_UID=1234 -e CLAWKER_HOST_GID=4321 localhost/bb:latest -- \
	/bin/sh -c 'id; cat /proc/self/status | grep Cap; trap "exit 9" TERM; while :; do sleep 0.1; done'
check "the command starts as its user" cp_says $LISTENS ready "done"
for _ in $(seq 100); do ! podman logs web 2>&1 | grep -q CapEff || break; sleep 0.05; done
logged web 'uid=1234 gid=4321'
logged web 'CapEff:.0000000000000000'
echo "ok the command has no power of root's"
sleep 0.3 # until its shell has set the trap, which it tells nobody
podman stop -t 20 web >/dev/null
[ "$(code web)" = 9 ] || fail "SIGTERM did not reach the command: $(podman logs web 2>&1)"
echo "ok podman stop reaches the command, which decides its exit code"
down web

# --- register ---
up web localhost/bb:latest
check "nobody who serves Register: said, and it may be tried again" cp_says $LISTENS unregistered
check "RegisterRequired twice is one Register, with the assertion" \
	cp_says 127.0.0.1:7444 register welcome $LISTENS web proj header.claims.signature
down web
up web localhost/bb:latest
check "a refusal is told, and final: the assertion is used up" \
	cp_says 127.0.0.1:7444 register refuse $LISTENS web proj header.claims.signature
down web

up web -e CLAWKER_CP_HYDRA_URL=https://127.0.0.1:4444 localhost/bb:latest
check "with a token server its token is shown" cp_says 127.0.0.1:7444 exchange bearer $LISTENS header.claims.signature
down web
up web -e CLAWKER_CP_HYDRA_URL=https://127.0.0.1:4444/ localhost/bb:latest
check "a token that is no Bearer is refused" cp_says 127.0.0.1:7444 exchange mac $LISTENS header.claims.signature
down web

# --- kill -9, of either side ---
# holds: a session that holds a program, HOLDER
holds() {
	[ -p /run/holds ] || mkfifo /run/holds
	exec 7<>/run/holds # open as long as it may write there
	nsenter --mount=/proc/self/fd/8 "$SRC/tests/registry/control_plane.py" "$STUBS" "$PKI" $LISTENS hold >/run/holds 2>/run/hold.err &
	HOLDER=$!
	read -r -t 20 word <&7 && [ "$word" = holds ] || fail "no session: $(cat /run/hold.err)"
}
sleepers() { podman top web args 2>/dev/null | grep -c 'sleep 1000' || :; }
up web localhost/bb:latest
holds
[ "$(sleepers)" = 1 ] || fail "the program does not run: $(podman top web args)"
kill -9 $HOLDER
wait $HOLDER 2>/dev/null || :
for _ in $(seq 100); do [ "$(sleepers)" != 0 ] || break; sleep 0.05; done
[ "$(sleepers)" = 0 ] || fail "the program outlives its session"
echo "ok a control plane that is killed leaves no program behind"
check "and the next one has a session" cp_says $LISTENS commands
holds
podman kill -s KILL web >/dev/null
rc=0
wait $HOLDER || rc=$?
[ $rc -eq 0 ] || fail "the session does not hear of it: $(cat /run/hold.err)"
echo "ok a container that is killed ends the session at once"
down web

# --- what is wrong at the start ---
# starts_not TEXT CODE: it ends with CODE and one line that has TEXT
starts_not() {
	local rc=0
	timeout 20 "${RUN[@]}" --rm -e CLAWKER_USER=root localhost/bb:latest >/run/out 2>&1 || rc=$?
	[ $rc = "$2" ] || fail "exit code $rc, not $2: $(cat /run/out)"
	grep -q "$1" /run/out || fail "it does not say '$1': $(cat /run/out)"
	[ "$(grep -c '^terok-agentd: ' /run/out)" = 1 ] || fail "more than a line: $(cat /run/out)"
	echo "ok it does not start: $1"
}
for file in cert.pem key.pem ca.pem assertion.jwt; do
	bundle /run/bundle
	rm /run/bundle/$file
	starts_not "$file: No such file" 2
	: >/run/bundle/$file
	chmod 400 /run/bundle/$file
	starts_not "$file is empty" 2
done
bundle /run/bundle
chmod 440 /run/bundle/key.pem
starts_not "key.pem is open to others: its mode is 0440" 2
bundle /run/bundle
chmod 755 /run/bundle
starts_not "bootstrap is open to others" 2
bundle /run/bundle
socat TCP-LISTEN:7700,reuseaddr,fork - </dev/null >/dev/null 2>&1 &
TAKEN=$!
for _ in $(seq 100); do ! ss -Hltn 'sport = :7700' | grep -q . || break; sleep 0.05; done
starts_not "listen at :7700: Address already in use" 1
kill $TAKEN
