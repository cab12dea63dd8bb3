#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_discovery.sh - containers that no hook told of: alarms, names, dossiers; root's and a user's
# real podman, with an agent that comes late, and one that was away
. "$(dirname "$0")/lib.sh"
enter_lab
export TEROK_USER_RUN=/run/user # the lab's users are looked for

start_server
make_image
make_user
podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"

# run NAME ANNOTATION...: a container of root's; run_dev: of the user's. No hook comes with it: it
# is as if somebody had removed the hooks' files
# shellcheck disable=SC2317 # called by check
run() {
	local name=$1 a=() ; shift
	for i; do a+=(--annotation "$i"); done
	podman run -d --name "$name" --network none "${a[@]}" localhost/bb:latest sleep 1000
}
# shellcheck disable=SC2317 # called by check
run_dev() {
	local name=$1 a=() ; shift
	for i; do a+=(--annotation "$i"); done
	as_dev podman run -d --name "$name" --network none --cgroup-parent /user-61000/task "${a[@]}" \
		localhost/bb:latest sleep 1000
}
# the event is of the container called so, by all its names
is_of() { [ "$(jq -r .name <<<"$EVENT")" = "$1" ] && [ "$(jq -r .container <<<"$EVENT")" = "$2" ] ||
	fail "not of $1 $2: $EVENT"; }
id_of() { podman inspect --format '{{.Id}}' "$1"; }
dev_id_of() { as_dev podman inspect --format '{{.Id}}' "$1"; }

# --- what was there before the agent: a sweep -----------------------------------------------

check "a container asks for a guard" run early terok.guard= dossier.task=7
check "the contract's annotation asks as well" run shield terok.shield.profiles=dev-standard
check "one asks for nothing" run plain
check "a user's asks for a guard" run_dev mine terok.guard= dossier.project=warp
check "load" "$BPFD" load
start_agent
start_client
wait_event "who runs without a guard is an alarm" '.type == "alarm" and .name == "early"'
is_of early "$(id_of early)"
[ "$(jq -r .dossier.task <<<"$EVENT")" = 7 ] || fail "its dossier is told: $EVENT"
[ "$(jq -r .problem <<<"$EVENT" | grep -c 'terok-bpfd attach')" = 1 ] || fail "how to mend it: $EVENT"
for name in early shield mine; do
	check "status names $name" sh -c "for i in \$(seq 100); do '$BPFD' status | grep -q 'UNGUARDED: container $name ' && exit; sleep 0.05; done; exit 1"
done
refuse "and not the one that asks for nothing" sh -c "'$BPFD' status | grep 'container plain'"
check "on a terminal it is red" sh -c "script -qec '$BPFD status' /dev/null | grep -q '^.\[31mUNGUARDED'"
"$BPFD" status --json >/run/status.json
[ "$(jq '.unguarded | length' /run/status.json)" = 3 ] || fail "three in JSON: $(cat /run/status.json)"
check "terok-clearance lists them" "$CLEARANCE" list
said "UNGUARDED: container early "
check "and says them as they come" sh -c "sleep 0.3 | '$CLEARANCE' live --plain"
said "UNGUARDED: early "
check "the log has it" grep -q 'ALARM: container early ' /run/agent.log
check "the journal has it" sh -c "'$BPFD' history | grep -q 'early  alarm'"
check "the audit has it" grep -q '"action":"unguarded"' "$TEROK_STATE/containers/early/audit.jsonl"
check "the user sees their own" as_dev env TEROK_RUN=$TEROK_RUN "$BPFD" status
said "UNGUARDED: container mine"
refuse "and nobody else's" grep early /run/out

# --- the alarm ends -------------------------------------------------------------------------

check "a guard ends it" "$BPFD" attach "$(id_of early)"
wait_event "which is told" '.type == "alarm_over" and .name == "early"'
podman rm -f -t 0 shield >/dev/null
wait_event "its end ends it" '.type == "alarm_over" and .name == "shield"'
check "by its short id" "$BPFD" attach "dev:$(dev_id_of mine | cut -c1-12)"
wait_event "a user's, too" '.type == "alarm_over" and .name == "mine"'
refuse "status is calm again" sh -c "'$BPFD' status | grep UNGUARDED"

# --- started while the agent runs -----------------------------------------------------------

check "root starts one" run late terok.guard=
wait_event "and it is an alarm" '.type == "alarm" and .name == "late"'
check "it ends" podman rm -f -t 0 late
wait_event "and so does the alarm" '.type == "alarm_over" and .name == "late"'
check "a user starts one" run_dev late terok.guard=
wait_event "and it is an alarm" '.type == "alarm" and .name == "late" and .uid == 61000'
check "it ends" as_dev podman rm -f -t 0 late
wait_event "and so does the alarm" '.type == "alarm_over" and .name == "late"'
as_dev podman run -d --name shared --network none --cgroups=disabled --annotation terok.guard= localhost/bb:latest \
	sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
wait_event "one without a cgroup of its own is an alarm" '.type == "alarm" and .name == "shared"'
[ "$(jq -r .problem <<<"$EVENT" | grep -c -- --cgroup-parent)" = 1 ] || fail "how to mend it: $EVENT"
as_dev podman rm -f -t 0 shared >/dev/null

# --- names and dossiers ---------------------------------------------------------------------

check "root renames one" podman rename early bird
wait_event "its guard's name follows" '.type == "guard_renamed" and .name == "bird"'
is_of bird "$(id_of bird)"
check "verbs know it by that name" "$BPFD" rules bird
refuse "and by the old one no more" "$BPFD" rules early
check "and by its short id" "$BPFD" rules "$(id_of bird | cut -c1-12)"
check "its folder has the name" test -f "$TEROK_STATE/containers/bird/audit.jsonl"
check "a user renames one" as_dev podman rename mine yours
wait_event "the same" '.type == "guard_renamed" and .name == "yours"'
[ "$(jq -r .dossier.project <<<"$EVENT")" = warp ] || fail "it has its dossier: $EVENT"
check "the user knows it by that name" as_dev env TEROK_RUN=$TEROK_RUN "$BPFD" rules yours

as_dev sh -c 'echo "{\"task\":\"1\"}" >meta.json'
check "one with a file" run_dev filed terok.guard= dossier.task=0 dossier.meta_path=/home/dev/meta.json
check "is guarded" sh -c "for i in \$(seq 100); do '$BPFD' attach filed && exit; sleep 0.05; done; exit 1"
# told TASK: a refusal is told with it
told() {
	as_dev podman exec filed nc -w 1 $HOST "$2" >/dev/null 2>&1 || :
	wait_event "a refusal says task $1" ".name == \"filed\" and .port == $2"
	[ "$(jq -r .dossier.task <<<"$EVENT")" = "$1" ] || fail "another dossier: $EVENT"
	[ "$(jq -r '.dossier.meta_path' <<<"$EVENT")" = null ] || fail "the path is told: $EVENT"
}
told 1 1001
# half a second is far more than it takes; nobody tells us when it has been read
as_dev sh -c 'echo "{\"task\":\"2\"}" >meta.json'; sleep 0.5
told 2 1002
as_dev sh -c 'echo "{\"task\":" >meta.json'; sleep 0.5
told 0 1003
as_dev rm meta.json; sleep 0.5
told 0 1004
check "the audit has the dossier" sh -c "for i in \$(seq 100); do grep -q '\"dossier\":{\"task\":\"2\"}' \
	'$TEROK_STATE/containers/filed@61000/audit.jsonl' && exit; sleep 0.05; done; exit 1"

# --- the agent was away ---------------------------------------------------------------------

stop_agent
rm -f /run/ready
podman rename bird dodo
as_dev podman rm -f -t 0 yours >/dev/null
check "one comes meanwhile" run meanwhile terok.guard=
start_agent
check "the name has followed" sh -c "for i in \$(seq 100); do '$BPFD' rules dodo 2>/dev/null && exit; sleep 0.05; done; exit 1"
refuse "the guard of one that ended is gone" "$BPFD" rules yours
check "and who came has no guard" sh -c "for i in \$(seq 100); do '$BPFD' status | grep -q 'UNGUARDED: container meanwhile ' && exit; sleep 0.05; done; exit 1"

# --- what podman's logger is, and who asked podman, does not matter --------------------------

podman --events-backend none run -d --name silent --network none --annotation terok.guard= \
	localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
check "with no log of events one is seen" sh -c "for i in \$(seq 100); do '$BPFD' status | grep -q 'UNGUARDED: container silent ' && exit; sleep 0.05; done; exit 1"
podman --events-backend none rm -f -t 0 silent >/dev/null

# as podman logs where nothing else is configured and there is a journal: a real one, without the
# rest of systemd. What a container writes goes there as well
journald=/lib/systemd/systemd-journald
[ -x $journald ] || journald=/usr$journald
if [ -x $journald ]; then
	[ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
	mkdir -p /run/log /run/systemd
	$journald >/run/journald.log 2>&1 & JOURNALD=$!
	check "a journal begins" sh -c "for i in \$(seq 200); do [ -S /run/systemd/journal/socket ] && exit; sleep 0.05; done; cat /run/journald.log; exit 1"
	journal=(--events-backend journald)
	as_dev podman "${journal[@]}" run -d --name logged --network none --log-driver journald --annotation terok.guard= \
		--cgroup-parent /user-61000/task localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
	wait_event "with podman's events in the journal a user's is seen" '.type == "alarm" and .name == "logged"'
	check "by hand" "$BPFD" attach "dev:$(dev_id_of logged | cut -c1-12)"
	wait_event "its guard ends the alarm" '.type == "alarm_over" and .name == "logged"'
	as_dev podman "${journal[@]}" rename logged filed2
	wait_event "its name is followed" '.type == "guard_renamed" and .name == "filed2"'
	as_dev podman "${journal[@]}" rm -f -t 0 filed2 >/dev/null
	wait_event "its end as well" '.type == "guard_detached" and .name == "filed2"'
	podman "${journal[@]}" run -d --name logged --network none --log-driver journald --annotation terok.guard= \
		localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
	wait_event "so is root's" '.type == "alarm" and .name == "logged" and .uid == 0'
	podman "${journal[@]}" rm -f -t 0 logged >/dev/null
	wait_event "and its end" '.type == "alarm_over" and .name == "logged"'
	check "the journal has what no file has" sh -c "timeout 20 podman ${journal[*]} events --stream=false --since 10m | grep -q 'container start .*logged'"
	kill $JOURNALD
else
	echo "SKIP podman's events in a journal: systemd-journald is not installed"
fi
podman system service --time=0 unix:///run/podman.sock & SERVICE=$!
api() { curl -sf --retry 20 --retry-all-errors --retry-delay 1 --unix-socket /run/podman.sock "http://d/v4.0.0/libpod/$1" "${@:2}"; }
check "the API makes one" api containers/create -H 'Content-Type: application/json' -d \
	'{"name":"asked","image":"localhost/bb:latest","command":["sleep","1000"],"netns":{"nsmode":"none"},"annotations":{"terok.guard":""},"resource_limits":{"pids":{"limit":0}}}'
check "and starts it" api containers/asked/start -X POST
check "which is seen" sh -c "for i in \$(seq 100); do '$BPFD' status | grep -q 'UNGUARDED: container asked ' && exit; sleep 0.05; done; exit 1"
check "the API renames it" api 'containers/asked/rename?name=told' -X POST
check "which is seen, too" sh -c "for i in \$(seq 100); do '$BPFD' attach told 2>/dev/null && exit; sleep 0.05; done; exit 1"
check "the API kills it" api containers/told/kill -X POST
check "which ends its guard" sh -c "for i in \$(seq 100); do '$BPFD' rules told 2>/dev/null || exit 0; sleep 0.05; done; exit 1"
kill $SERVICE

# --- a cgroup that was left behind ----------------------------------------------------------

check "one that is guarded" run stale terok.guard=
check "by hand" sh -c "for i in \$(seq 100); do '$BPFD' attach stale 2>/dev/null && exit; sleep 0.05; done; exit 1"
group=/sys/fs/cgroup$("$BPFD" status --json | jq -r '.guards[] | select(.name == "stale") | .cgroup')
read -r monitor first <<<"$(podman inspect --format '{{.State.ConmonPid}} {{.State.Pid}}' stale)"
kill -KILL "$monitor" "$first" # nobody is left who would remove it
podman create --name other localhost/bb:latest true >/dev/null # and something happens
check "ends with its container" sh -c "for i in \$(seq 100); do '$BPFD' rules stale 2>/dev/null || exit 0; sleep 0.05; done; exit 1"
check "although its cgroup is there" test -d "$group"

# --- the watchers have no powers, and nobody needs them -------------------------------------

for pid in $(pgrep -P "$AGENT"); do
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "terok-bpfd --worker watcher " ] || continue
	grep -q "^CapEff:.0000000000000000" "/proc/$pid/status" || fail "a watcher with powers"
	grep -q "^NoNewPrivs:.1" "/proc/$pid/status" || fail "a watcher that may get powers"
	kill -KILL "$pid"
done
podman rename dodo moa
check "killed, they come again" sh -c "for i in \$(seq 100); do '$BPFD' rules moa 2>/dev/null && exit; sleep 0.05; done; exit 1"
check "and the alarm has stayed" sh -c "'$BPFD' status | grep -q 'UNGUARDED: container meanwhile '"

stop_agent # the containers end with the lab: of one nobody but the lab is left to take the pid
