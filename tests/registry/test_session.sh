#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_session.sh - terok-cp serve and a real terok-agentd: a session, its plan, its end, and what watch shows of it
set -u
dir='' cp='' db='' log='' seen='' server='' agent='' watcher='' agent_port='' session_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/session.bash"
[ -x "$B/terok-agentd" ] || { echo "$B/terok-agentd is not there (make)"; exit 1; }

cat >"$dir/plan" <<END2
{"steps":[
 {"name":"first","uid":$(id -u),"gid":$(id -g),"command":"cat >$dir/first; pwd >>$dir/first; echo \$WORD >>$dir/first","stdin":"in\n","cwd":"/","env":{"WORD":"so"}},
 {"name":"second","uid":$(id -u),"gid":$(id -g),"command":["/bin/sh","-c","if [ -e $dir/fails ]; then echo oh no >&2; exit 4; fi"],"timeout":5}
]}
END2
chmod 600 "$dir/plan"
is "the plan is one" same "$("$cp" plan lint "$dir/plan" | cut -d' ' -f1,2 | tr '\n' ' ')" "0 first 1 second 2 agent-ready "
is "as JSON as well" same "$("$cp" plan lint "$dir/plan" --json | jq -c '[.steps[] | [.name, .timeout]]')" '[["first",30],["second",5],["agent-ready",null]]'
sed 's/"uid"/"user"/' "$dir/plan" >"$dir/wrong"
is "and one with a key that nobody knows is not" same "$("$cp" plan lint "$dir/wrong" 2>&1 | grep -c "$dir/wrong:2: step 1: user is no key")" 1

MORE="init.started init.step.started init.step.completed init.step.started init.step.completed init.step.started init.step.completed init.step.started init.step.completed init.completed"
INIT="init.started init.step.started init.step.completed init.step.started init.step.completed init.step.started init.step.completed init.completed "

"$cp" pki init >/dev/null
"$cp" pki issue dev --container aa --project proj --out "$dir/a" >/dev/null
serve --session-port $session_port --plan "$dir/plan"
watch
is "the first line is the world, of which nothing is known" same "$(head -n 1 "$seen" | jq -c .snapshot)" '{"containers":[],"agents":[]}'

# --- a container starts
up
echo aa >"$dir/there"
happens start
until_true has "init.completed"
is "a container that starts has a session, registers, has its plan run and starts" same "$(told)" \
	"session.connecting session.connected registered $INIT"
is "it runs as the plan says" same "$(tr '\n' ' ' <"$dir/first")" "in / so "
is "its steps are in their order" same "$(jq -r 'select(.event=="agent.init.step.completed") | .step' "$seen" | tr '\n' ' ')" "first second agent-ready "
is "whose session it is is told" same "$(jq -r 'select(.event=="agent.session.connected") | .peer_agent_full_name, .peer_thumbprint, .address' "$seen" | tr '\n' ' ')" \
	"clawker.proj.dev $(openssl x509 -in "$dir/a/cert.pem" -outform DER | sha256sum | cut -d' ' -f1) 127.0.0.1:$session_port "
is "and it is in the registry" same "$("$cp" agents --json | jq -r '.[0].container_id')" aa
is "its command runs" pgrep -P "$agent" -x sleep
end $watcher
watch
is "who comes later sees the world as it is" same \
	"$(head -n 1 "$seen" | jq -r '.snapshot.agents[0] | .session, .trust, .registered, .init.status' | tr '\n' ' ')" "connected  true completed "

# --- another plan, while the session is there
steps=$(count init.step.completed)
cp "$dir/plan" "$dir/plan.before"
jq '.steps += [{"name":"third","command":"exit 0","uid":'"$(id -u)"',"gid":'"$(id -g)"'}]' "$dir/plan.before" >"$dir/plan"
kill -HUP "$server"
until_true grep -q 'the plan was read again' "$log"
is "after a SIGHUP sessions that there are keep their plan" same "$(count init.step.completed)" "$steps"
echo '{"steps":[{"name":"a","uid":0,"uid":1}]}' >"$dir/plan"
kill -HUP "$server"
until_true grep -q 'the plan was not read again' "$log"
is "one that is none is named with its line, and changes nothing" grep -q "the plan was not read again: $dir/plan:1: step 1: uid is there twice" "$log"
sqlite3 "$db" 'UPDATE agents SET last_seen = 5'
end $agent
up
until_true has "session.broken session.connecting session.connected $MORE"
is "the next session has the new one" same "$(jq -r 'select(.event=="agent.init.step.completed") | .step' "$seen" | tail -n 4 | tr '\n' ' ')" \
	"first second third agent-ready "
seen_since() { [ "$(sqlite3 "$db" 'SELECT last_seen FROM agents')" -gt 5 ]; }
until_true seen_since
is "that it was seen is in the registry" test "$("$cp" agents --json | jq '.[0].last_seen_unix')" -gt 5
mv "$dir/plan.before" "$dir/plan"

# --- the control plane is killed, and comes again
end $watcher
end $server KILL
serve --session-port $session_port --plan "$dir/plan"
watch
until_true has init.completed || until_true grep -q '"completed"' "$seen"
is "a control plane that was killed has its session again, of one that it knows" \
	same "$(grep -c 'event=agent.registered\|event=agent.untrusted' "$log")" 0
is "and the plan is run again" grep -q 'event=agent.init.completed' "$log"

# --- the peer is killed
end $watcher
watch
end $agent KILL
until_true has session.broken
is "a peer that is killed is a session that breaks" same "$(jq -r 'select(.event=="agent.session.broken") | .container_id' "$seen")" aa
touch "$dir/fails"
up
until_true has init.failed
is "it is dialled until it is there again; a step that fails ends its plan" same "$(told)" \
	"session.broken session.connecting session.connected init.started init.step.started init.step.completed init.step.started init.step.failed init.failed "
is "with what it wrote" same "$(jq -r 'select(.event=="agent.init.failed") | .failed_step, .reason, .detail' "$seen" | tr '\n' ' ')" \
	"second exit_code exit_code=4; stderr: oh no  "
is "and its command does not run" same "$(pgrep -P "$agent" -x sleep | wc -l)" 0
rm "$dir/fails"

# --- another certificate, of another authority
end $agent KILL
until_true eval '[ "$(count session.broken)" = 2 ]'
mkdir "$dir/other" && mv "$dir/a" "$dir/good"
TEROK_CREDENTIALS_DIR=$dir/other "$cp" pki init >/dev/null
TEROK_CREDENTIALS_DIR=$dir/other "$cp" pki issue dev --container aa --project proj --out "$dir/a" >/dev/null
chmod u+w "$dir/a" "$dir/a/ca.pem" && cat "$dir/good/ca.pem" >"$dir/a/ca.pem" && chmod 400 "$dir/a/ca.pem"
up
until_true has untrusted
is "a peer with another certificate has its session, and is not trusted" same \
	"$(jq -r 'select(.event=="agent.untrusted") | .reason' "$seen")" cert_thumbprint_mismatch
until_true eval '[ "$(count init.completed)" = 1 ]'
is "and its plan is run" has "session.connected untrusted $INIT"
is "that its chain is not believed is logged" grep -q 'event=agentdial_peer_not_verified' "$log"

# --- it stops
happens died
rm "$dir/there"
until_true grep -q docker.container.die "$seen"
end $agent
is "of one that stops nothing more is told" same "$(told | sed 's/.*untrusted/untrusted/')" "untrusted $INIT"
is "and it keeps its row" same "$("$cp" agents --json | jq length)" 1
happens remove
until_true eval '[ "$("$cp" agents --json | jq length)" = 0 ]'
is "one that is removed loses it" same "$("$cp" agents --json | jq length)" 0
happens start
until_true has session.failed
is "one that does not run is told so" same "$(jq -r 'select(.event=="agent.session.failed") | .reason' "$seen")" container_not_running

# --- people watch
"$cp" watch >"$dir/text" 2>/dev/null &
other=$!
until_true test -s "$dir/text" # whom it knows
happens start
until_true grep -q 'agent.session.failed.*container_not_running' "$dir/text"
is "for people an event is a line" grep -q 'agent.session.failed.*container_not_running' "$dir/text"
end $other
mkfifo "$dir/pipe"
"$cp" watch --json >"$dir/pipe" 2>"$dir/pipe.err" &
other=$!
head -n 1 <"$dir/pipe" >/dev/null # and goes; nothing happens after that
until_true eval '! kill -0 $other 2>/dev/null'
kill $other 2>/dev/null; wait $other
is "when nobody reads, who watches goes at once" same "$? $(cat "$dir/pipe.err")" "0 "
end $server
wait $watcher
is "who watches hears of the end" same "$? $(grep -c 'has ended' "$dir/watch.err")" "1 1"
watcher='' server='' agent=''
is "a plan that is none is no control plane" same "$("$cp" serve --session-port $session_port --plan "$dir/wrong" 2>&1 | grep -c 'user is no key')" 1
exit $bad
