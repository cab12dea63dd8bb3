#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_podman.sh - terok-cp and containers of podman whose first process is terok-agentd: from the start of one
# to its command and its removal, who is refused, and a podman that is away
#
#   tests/registry/test_podman.sh, as root
# shellcheck source=tests/registry/podman.bash
. "$(dirname "$0")/podman.bash"
podman network create --subnet 10.89.7.0/24 clawker-net >/dev/null
podman network create other >/dev/null

# --- the way of one ---
serve # before its network has an address: the bridge comes with the first container
create web web --network clawker-net
start web
eventually "a container that starts is dialled, registers, has its plan run and starts" has web init.completed
same "$(told web)" "session.connecting session.connected registered $INIT" "in that order"
eventually "its command runs, as its user" runs web
same "$(tr '\n' ' ' <$OUT/web.steps)" "first second " "after the steps of the plan"
same "$(row_of web)" "proj web $(thumbprint web)" "the registry has it, with its certificate"
grep -q "$(podman inspect web --format '{{(index .NetworkSettings.Networks "clawker-net").IPAddress}}'):7700" $STATE/seen || fail "not at its address"


# --- what people do with it ---
check "a signal that it survives" podman kill -s WINCH web
eventually "is told" grep -q docker.container.kill $STATE/seen
check "and a command of another" podman exec web /bin/sleep 0
check "a pause" podman pause web
podman logs web >/run/out 2>&1
same "$(grep -c session_started /run/out) $(grep -c session_ended /run/out)" "1 0" "nothing of it cuts its session"
end
serve
eventually "a control plane that comes meanwhile hears that it pauses" grep -q docker.container.pause $STATE/seen
same "$(told web)" "" "and does not dial it"
check "its end" podman unpause web
eventually "is a session" has web init.completed
same "$(told web)" "session.connecting session.connected $INIT" "of one that is known"
check "a restart" podman restart -t 0 web
eventually "is a session more" eval '[ "$(told web | grep -o init.completed | wc -l)" = 2 ]'
same "$(row_of web)" "proj web $(thumbprint web)" "of the same row"
same "$(grep -c 'event=agent.*regist' $STATE/log)" 0 "without a word of registering"
check "a stop" podman stop -t 0 web
eventually "is told" grep -q docker.container.die $STATE/seen
same "$(row_of web)" "proj web $(thumbprint web)" "and takes no row"
remove web
eventually "one that is removed has none" no_row web

# --- who is who ---
create web web --network clawker-net
create other web --network clawker-net # the same name, which is another container
create thief web --network clawker-net
create false api --network clawker-net
create outside api --network other
for name in web other; do start $name; done
eventually "two containers of the same name have a session each" eval 'has web init.completed && has other init.completed'
same "$(row_of web), $(row_of other)" "proj web $(thumbprint web), proj web $(thumbprint other)" "and a row each"
borrow thief web
borrow false web
start thief
eventually "another's certificate, of the same name, is not registered" has thief "registered untrusted"
same "$(reason thief untrusted)" register_failed "and not trusted"
logged agent_register_container_id_mismatch || fail "by its container: $(grep -v init $STATE/log)"
start false
eventually "another agent's is not either" has false "registered untrusted"
logged agent_identity_san_label_mismatch || fail "by its labels: $(grep -v init $STATE/log)"
same "$(row_of thief)$(row_of false)" "" "they have no row"
same "$(row_of web)" "proj web $(thumbprint web)" "and whose it is keeps it"
start outside
eventually "one outside of the network is not dialled" has outside session.failed
same "$(reason outside session.failed)" clawker_net_endpoint_missing "and why is told"
podman stop -t 0 web >/dev/null
borrow web other
start web
eventually "another certificate than the registry's is not trusted" has web "session.connected untrusted"
same "$(reason web untrusted)" cert_thumbprint_mismatch "and why is told"
remove thief false outside web other
eventually "nobody is left" eval '[ -z "$(rows)" ]'

# --- podman is away ---
create web web --network clawker-net
touch $STATE/leaves
start web
eventually "who cannot be looked up is refused" has web "registered untrusted"
logged agent_identity_peer_lookup_error || fail "by what is said: $(tail $STATE/log)"
same "$(row_of web)" "" "and has no row"
rm -f $STATE/away $STATE/leaves
podman restart -t 0 web >/dev/null 2>&1
eventually "once podman is there it registers" runs web "$(printf '1001\n1001')"
same "$(row_of web)" "proj web $(thumbprint web)" "and has its row"
end
touch $STATE/away
serve
logged agent.reap.degraded || fail "it does not say so: $(cat $STATE/log)"
same "$(row_of web)" "proj web $(thumbprint web)" "a control plane that begins without podman forgets nobody"
rm $STATE/away
eventually "and has its sessions when podman is there again" has web init.completed
runner=$(pgrep -P $SERVER) # who runs podman for it
follower=$(pgrep -P "$runner" -f 'podman events') || fail "nobody follows: $(ps -ef --forest)"
kill -9 "$follower"
create late api --network clawker-net
start late
eventually "what happens while nobody follows is not lost" has late init.completed
remove late
eventually "and the end of it is told" no_row late
