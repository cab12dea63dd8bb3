#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_podman_rootless.sh - terok-cp of a user, and the user's guarded containers of podman: their address is
# the host's, so the agent's doors into and out of each of them say who they are
#
#   tests/registry/test_podman_rootless.sh, as root
export TEROK_USER_RUN=/run/user # users of the lab have the hub there
# shellcheck disable=SC2034 # podman.bash's
OWNER=dev
# shellcheck source=tests/registry/podman.bash
. "$(dirname "$0")/podman.bash"
make_hooks
echo 'hooks_dir = ["/run/hooks"]' >>~dev/.config/containers/containers.conf # of [engine]
mkdir -p /etc/terok/profiles
echo "# nothing" >/etc/terok/profiles/dev-standard.txt
start_agent
begin_agent() {
	rm -f /run/ready
	start_agent
}

# --- the way of one ---
serve
create web web
start web
eventually "a container that starts is dialled, registers, has its plan run and starts" has web init.completed
same "$(told web)" "session.connecting session.connected registered $INIT" "in that order"
eventually "its command runs, as its user" runs web
same "$(tr '\n' ' ' <$OUT/web.steps)" "first second " "after the steps of the plan"
same "$(row_of web)" "proj web $(thumbprint web)" "the registry has it, with its certificate"
same "$(jq -r 'select(.event == "agent.session.connected") | .address' $STATE/seen)" 127.0.0.1:7700 "dialled at its own loopback"
check "a restart" podman restart -t 0 web
eventually "is a session more" eval '[ "$(told web | grep -o init.completed | wc -l)" = 2 ]'

# --- who is who ---
create other web
create thief web
create false api
start other
eventually "another of the same name has its session" has other init.completed
same "$(row_of web), $(row_of other)" "proj web $(thumbprint web), proj web $(thumbprint other)" "and a row each, at one address"
borrow thief web
borrow false web
start thief
eventually "another's certificate, of the same name, is not registered" has thief "registered untrusted"
logged agent_register_container_id_mismatch || fail "by its container: $(grep -v init $STATE/log)"
start false
eventually "another agent's is not either" has false "registered untrusted"
logged agent_identity_san_label_mismatch || fail "by its labels: $(grep -v init $STATE/log)"
same "$(row_of thief)$(row_of false)" "" "they have no row"
remove thief false other
eventually "what is removed has no row" eval '[ "$(rows)" = "$(id_of web) " ]'

# --- kill -9 ---
end -KILL
serve
eventually "a control plane that was killed has its session again" has web init.completed
same "$(told web)" "session.connecting session.connected $INIT" "of one that it knows"
kill -9 $AGENT
wait $AGENT 2>/dev/null || :
has web session.broken && fail "the agent's end cut the session: $(told web)"
begin_agent
create late api
start late
eventually "an agent that comes again has doors for who comes then" has late init.completed
same "$(row_of late)" "proj api $(thumbprint late)" "who registers"
remove late

# --- no door, no way ---
CREATE=(-e CLAWKER_CP_AGENT_ADDR=127.0.0.1:7444)
create loose api
start loose
eventually "one without a guard is not dialled" eval 'grep -q "agentdial_connect_retry.*is it guarded" $STATE/log'
same "$(told loose)$(row_of loose)" "" "and nobody registers it"
podman rm -f -t 0 -a >/dev/null 2>&1
end
stop_agent
