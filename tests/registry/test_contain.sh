#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_contain.sh - an agent that shows another certificate than it registered with: its container's guard is blocked in
# the kernel, people hear why, and nobody but a person opens it again
#
# In a throw-away host: a box with a guard, terok-bpfd, terok-cp and terok-agentd, all as they ship.
dir='' cp='' log='' seen='' server='' agent='' watcher='' session_port='' bad=''
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/../names/lib.sh"
enter_lab jq sqlite3 openssl
export TMPDIR=/run
. "$here/session.bash"
set +e
trap - EXIT # what is there goes with the host
bpfd() { "$BPFD" "$@"; }
state() { bpfd status --json | jq -r '.guards[0].state'; }
why() { bpfd status --json | jq -r '.guards[0].contained.reason // "none"'; }
reaches() { inside curl -s -m 5 -o "$dir/got" "http://198.51.100.1/"; }
hub() { # who listens at the hub from now on
	: >"$dir/heard"
	"$B/terok-clearance" live --json --follow --socket /run/terok/clearance.sock </dev/null >"$dir/heard" 2>"$dir/hub.err" &
	listener=$!
}
heard() { grep -q "\"type\":\"$1\"" "$dir/heard"; }
is_state() { [ "$(state)" = "$1" ]; }

make_net
start_agent
agent_pid=$AGENT
bpfd attach $BOX --name aa >/run/out 2>&1 || fail "attach: $(cat /run/out)"
bpfd allow aa 198.51.100.1 >/run/out 2>&1 || fail "allow: $(cat /run/out)"
is "the control: it reaches the world" reaches

"$cp" pki init >/dev/null
"$cp" pki issue dev --container aa --project proj --out "$dir/a" >/dev/null
serve --session-port $session_port --guard=off # the agent is played outside of the box, and the kernel would say so
watch
hub
up
echo aa >"$dir/there"
happens start
until_true has init.completed
until_true heard agent.init.completed
is "what happens to its agent is told at the hub, by the same names" same \
	"$(jq -r 'select(.type | startswith("agent.")) | .type' "$dir/heard" | tr '\n' ' ')" \
	"$(jq -r 'select(.event) | .event' "$seen" | grep '^agent\.' | tr '\n' ' ')"
is "and whose agent it is" same "$(jq -r 'select(.type == "agent.session.connected") | .dossier | .agent, .agent_project' "$dir/heard" | tr '\n' ' ')" "dev proj "
is "an agent that is who it was has its guard as it was" same "$(state) $(why)" "up none"

# --- another certificate, of another authority
another() { # another FOLDER: a certificate of an authority that nobody knows
	mkdir "$dir/$1"
	TEROK_CREDENTIALS_DIR=$dir/$1 "$cp" pki init >/dev/null
	TEROK_CREDENTIALS_DIR=$dir/$1 "$cp" pki issue dev --container aa --project proj --out "$dir/$1/a" >/dev/null
	rm -rf "$dir/a" && mv "$dir/$1/a" "$dir/a"
	chmod u+w "$dir/a" "$dir/a/ca.pem" && cat "$dir/good/ca.pem" >"$dir/a/ca.pem" && chmod 400 "$dir/a/ca.pem"
}
cp -r "$dir/a" "$dir/good"
end "$agent" KILL
until_true has session.broken
another other
up
until_true has contained
is "one that shows another certificate is not trusted, and contained" same \
	"$(jq -r 'select(.event == "agent.untrusted" or .event == "agent.contained") | .event, .reason' "$seen" | tr '\n' ' ')" \
	"agent.untrusted cert_thumbprint_mismatch agent.contained cert_thumbprint_mismatch "
is "its guard is blocked" same "$(state) $(why)" "block cert_thumbprint_mismatch"
is "the kernel refuses what was allowed" eval '! reaches'
is "and people are told how it ends" grep -q 'CONTAINED: cert_thumbprint_mismatch.*terok-bpfd up' <(bpfd status)
until_true heard agent.contained
is "the hub's subscribers hear it, and why" same "$(jq -r 'select(.type == "agent.contained") | .reason, .container' "$dir/heard" | tr '\n' ' ')" "cert_thumbprint_mismatch aa "
until_true heard agent.untrusted
is "that it is not trusted as well" heard agent.untrusted

# --- it says so again
end "$agent" KILL
until_true eval '[ "$(count session.broken)" = 2 ]'
up
until_true eval '[ "$(count untrusted)" = 2 ]'
until_true grep -q 'event=contained .*still' "$log"
is "once more it is nothing new" same "$(count contained) $(state)" "1 block"
bpfd up aa >/dev/null
is "a person opens it" reaches

# --- the machine's agent is killed, and away meanwhile
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
end "$agent" KILL
up
until_true eval '[ "$(count untrusted)" = 3 ]'
until_true grep -q event=guards_away "$log"
is "without terok-bpfd nobody is contained yet, and the log says so" same "$(count contained) $(state)" "1 up"
start_agent
agent_pid=$AGENT
until_true eval '[ "$(count contained)" = 2 ]'
is "it is when it is there again" same "$(state) $(why)" "block cert_thumbprint_mismatch"
is "and the kernel has it" eval '! reaches'

# --- the policy
end "$server"
bpfd up aa >/dev/null
is "what is no policy is none" same "$("$cp" serve --contain=maybe 2>&1 | grep -c "block or off, not 'maybe'")" 1
serve --session-port $session_port --guard=off --contain=off
until_true grep -q event=agent_untrusted "$log"
until_true grep -q event=agent_init_completed "$log" # long after the word would have been said
is "where it is off it is told, and nobody is contained" same "$(state) $(grep -c event=contained "$log")" "up 0"
end "$server"
end "$agent" KILL
kill "$listener" "$watcher" 2>/dev/null
server='' agent='' watcher=''
exit "$bad"
