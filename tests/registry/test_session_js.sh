#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_session_js.sh - terok-cp serve and an agent that is not ours (@grpc/grpc-js): registers, lists, has a session
set -u
dir='' cp='' log='' seen='' here='' server='' agent='' watcher='' agent_port='' admin_port='' session_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/js.bash"
. "$(dirname "$0")/session.bash"
cat >"$dir/plan" <<END2
{"steps":[
 {"name":"first","uid":0,"gid":0,"command":"cat >$dir/first; echo \$WORD >>$dir/first","stdin":"in\n","env":{"WORD":"so"}},
 {"name":"second","uid":0,"gid":0,"command":["/bin/sh","-c","head -c 3000000 /dev/zero; if [ -e $dir/fails ]; then echo oh no >&2; exit 4; fi"]}
]}
END2
chmod 600 "$dir/plan"
INIT="init.started init.step.started init.step.completed init.step.started init.step.completed init.step.started init.step.completed init.completed "
js() { timeout 60 node "$here/cp_agent.js" "$@"; }
mkfifo "$dir/say"
up() { # BUNDLE: it listens
	: >"$dir/agent.log"
	node "$here/cp_agent.js" serve "$dir/$1" $session_port $agent_port dev proj <>"$dir/say" >"$dir/agent.log" 2>&1 &
	agent=$!
	until_true grep -qx 'listens' "$dir/agent.log" || { cat "$dir/agent.log"; exit 1; }
}

"$cp" pki init >/dev/null
"$cp" pki issue dev --container aa --project proj --out "$dir/a" >/dev/null
serve --session-port $session_port --plan "$dir/plan"
watch
echo aa >"$dir/there"
is "it is not registered without a token" same "$(js register "$dir/a" $agent_port dev proj -)" "UNAUTHENTICATED missing bearer token"
is "nor as another" same "$(js register "$dir/a" $agent_port other proj)" "PERMISSION_DENIED register: identity check failed"
up a
happens start
until_true has init.completed
is "its session registers it, runs the plan and lets it start" same "$(told)" "session.connecting session.connected registered $INIT"
is "its steps had their input and their words" same "$(tr '\n' ' ' <"$dir/first")" "in so "
is "it was told each in its turn" same "$(sed -n 's/^told \([a-z_]*\) .*/\1/p' "$dir/agent.log" | tr '\n' ' ')" \
	"hello register_required shell close_stdin shell close_stdin agent_ready "
is "again it is welcome" same "$(js register "$dir/a" $agent_port dev proj)" OK
"$cp" pki assert >"$dir/token"
is "people's program lists it" same "$(js list "$dir/c/pki" $admin_port "$dir/token")" \
	"dev proj aa $(openssl x509 -in "$dir/a/cert.pem" -outform DER | sha256sum | cut -d' ' -f1)"
is "by its own token, and no agent's" same "$(js list "$dir/c/pki" $admin_port "$dir/a/assertion.jwt")" "UNAUTHENTICATED token inactive"

# --- it ends the session with a status and nothing else; a step fails in the next
touch "$dir/fails"
end $watcher
watch
echo fail >"$dir/say"
until_true has init.failed
is "a session that it ends with a status is broken, and begun again" same "$(jq -r 'select(.event=="agent.session.broken") | .reason' "$seen")" \
	"ABORTED: it has enough"
is "a step that fails there says how" same "$(jq -r 'select(.event=="agent.init.failed") | .failed_step, .detail' "$seen" | tr '\n' ' ')" \
	"second exit_code=4; stderr: oh no  "
rm "$dir/fails"

# --- killed, and with a certificate of another authority
end $watcher
watch
end $agent KILL
until_true has session.broken
TEROK_CREDENTIALS_DIR=$dir/other "$cp" pki init >/dev/null
TEROK_CREDENTIALS_DIR=$dir/other "$cp" pki issue dev --container aa --project proj --out "$dir/b" >/dev/null
chmod u+w "$dir/b" "$dir/b/ca.pem" && cat "$dir/a/ca.pem" >"$dir/b/ca.pem" && chmod 400 "$dir/b/ca.pem"
up b
until_true has init.completed
is "with a certificate of another authority it has its session, and is not trusted" same \
	"$(jq -r 'select(.event=="agent.untrusted") | .reason' "$seen")" cert_thumbprint_mismatch
is "and registers nothing" same "$(js register "$dir/b" $agent_port dev proj | cut -d' ' -f1)" UNAVAILABLE
end $server
server=''
is "it hears that the control plane ends" until_true grep -qx cancelled "$dir/agent.log"
exit $bad
