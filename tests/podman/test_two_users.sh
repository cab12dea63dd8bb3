#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_two_users.sh - two users and root, each with a guarded container of the same name: each sees,
# answers for and changes their own, and none of the others'
. "$(dirname "$0")/lib.sh"
enter_lab

start_server
make_image
make_user
make_user eve 61001 200000
as_eve() { as_user eve 61001 "$@"; }
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
for who in dev eve; do as_$who podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1; done
make_hooks
mkdir -p /etc/terok/profiles
echo "# nothing" >/etc/terok/profiles/dev-standard.txt
start_agent

as_root() { "$@"; }
parent_of() { case $1 in dev) echo "--cgroup-parent /user-61000/task" ;; eve) echo "--cgroup-parent /user-61001/task" ;; esac; }
for who in root dev eve; do
	# shellcheck disable=SC2046
	check "$who: a guarded container starts" as_$who podman --hooks-dir /run/hooks run -d --name web \
		$(parent_of $who) --ulimit host --annotation terok.guard= localhost/bb:latest sleep 1000
done
try() { "as_$1" podman exec web nc -w 2 "$HOST" "$PORT"; }
state() { "$BPFD" status --json | jq -r ".guards[] | select(.uid == $1) | .state"; }
number() { "$BPFD" status --json | jq -r ".guards[] | select(.uid == $1) | .guard // .id"; }
check "root sees three" sh -c "[ $("$BPFD" status --json | jq '.guards | length') = 3 ]"
for who in dev eve; do
	check "$who sees one" sh -c "[ $("as_$who" "$BPFD" status --json | jq '.guards | length') = 1 ]"
done
for who in root dev eve; do refuse "$who: the server is refused" try $who; done

# by name each means their own; by number another's is not there
check "dev allows web" as_dev "$BPFD" allow web "$HOST" --port $PORT
check "... and it passes" try dev
refuse "... not for eve" try eve
refuse "... not for root" try root
devs=$(number 61000) roots=$(number 0)
[ -n "$devs" ] && [ -n "$roots" ] || fail "no numbers: $("$BPFD" status --json)"
for verb in down block detach; do
	refuse "eve may not: $verb of dev's" as_eve "$BPFD" $verb "$devs"
	refuse "eve may not: $verb of root's" as_eve "$BPFD" $verb "$roots"
done
refuse "eve may not: allow in dev's" as_eve "$BPFD" allow "$devs" 192.0.2.1
[ "$(state 61000) $(state 61001) $(state 0)" = "up up up" ] || fail "states: $("$BPFD" status)"
check "dev's still passes" try dev

# a state that is not theirs to name: the word is said by the hook itself, about the other's process
pid=$(as_dev podman inspect web --format '{{.State.Pid}}')
id=$(as_dev podman inspect web --format '{{.Id}}')
as_eve sh -c 'mkdir -p bundle; echo "{\"process\":{},\"linux\":{},\"root\":{\"path\":\"/\"}}" >bundle/config.json'
refuse "eve's hook may not speak for dev's container" as_eve env TEROK_HOOK_VERSION=1 sh -c \
	"printf '{\"id\":\"$id\",\"pid\":$pid,\"bundle\":\"/home/eve/bundle\",\"annotations\":{\"terok.guard\":\"down\"}}' | $B/terok-hook createRuntime"
refuse "... nor for root's" as_eve env TEROK_HOOK_VERSION=1 sh -c \
	"printf '{\"id\":\"$(podman inspect web --format '{{.Id}}')\",\"pid\":$(podman inspect web --format '{{.State.Pid}}'),\"bundle\":\"/home/eve/bundle\",\"annotations\":{\"terok.guard\":\"down\"}}' | $B/terok-hook createRuntime"
as_eve sh -c "printf '{\"id\":\"$id\"}' | $B/terok-hook poststop"
[ "$(state 61000) $(state 61001) $(state 0)" = "up up up" ] || fail "states: $("$BPFD" status)"

# who came with a socket into a container is not its owner
check "the socket, in a container of dev's" as_dev podman --hooks-dir /run/hooks run -d --name held \
	--cgroup-parent /user-61000/task --userns keep-id -v /run/terok:/held:ro -v "$BPFD:/bpfd:ro" -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr:/usr:ro \
	--annotation terok.guard= localhost/bb:latest sleep 1000
if as_dev podman exec held /bpfd --version >/run/out 2>&1; then
	refuse "from within, its state is not changed" as_dev podman exec -e TEROK_RUN=/held held /bpfd down held
	said "within a guard nothing is changed"
	check "from outside it is" as_dev "$BPFD" down held
else
	echo "SKIP two_users_within: the program does not run in there: $(tail -n 1 /run/out)"
fi

as_dev podman rm -f -t 0 -a >/dev/null
for _ in $(seq 100); do
	[ "$("$BPFD" status --json | jq '.guards | length')" != 2 ] || break
	sleep 0.05
done
check "dev's are gone, the others' are not" sh -c "[ $("$BPFD" status --json | jq '.guards | length') = 2 ]"
check "all has its own folder" sh -c "[ -d $TEROK_STATE/containers/web ] && [ -d $TEROK_STATE/containers/web@61000 ] && [ -d $TEROK_STATE/containers/web@61001 ]"
stop_agent
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
as_eve podman rm -f -t 0 -a >/dev/null
