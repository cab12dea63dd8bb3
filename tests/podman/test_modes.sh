#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_modes.sh - the ways containers are run: networks, pods, exec, restart, kill; each is guarded
# from its first instruction, rootful and rootless, or refused with the reason
. "$(dirname "$0")/lib.sh"
LAB_TIMEOUT=${LAB_TIMEOUT:-140}
enter_lab

start_server
make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
make_user
as_dev podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
make_hooks
mkdir -p /etc/terok/profiles
echo "$HOST:$PORT/tcp" >/etc/terok/profiles/server.txt
echo "# nothing" >/etc/terok/profiles/dev-standard.txt
start_agent

root_podman() { podman --hooks-dir /run/hooks --runtime "$RUNTIME" "$@"; }
dev_podman() { as_dev podman --hooks-dir /run/hooks --runtime "$RUNTIME" "$@"; }
try="nc -w 2 $HOST $PORT"
# of what podman runs as a user
own() { [ "$WHO" = root ] || echo --cgroup-parent /user-61000/task; }
box() { # box ARG...
	# shellcheck disable=SC2046
	"${WHO}_podman" run --rm $(own) "$@"
}
gone() { "${WHO}_podman" rm -f -t 0 "$@" >/dev/null 2>&1 || true; }
# refused_by_guard TEXT CMD...: it ran, and was refused in the system call
refused_by_guard() {
	refuse "$@"
	said "No route to host"
}

# network MODE: guarded it is refused, and with a profile it reaches the server
network() {
	local mode=$1 as="$WHO, $NAME_OF, --network $1"
	check "$as: the control" box --network "$mode" localhost/bb:latest $try
	refused_by_guard "$as: a first instruction is refused" \
		box --network "$mode" --annotation terok.guard= localhost/bb:latest $try
	check "$as: with a profile it passes" \
		box --network "$mode" --annotation "terok.guard=up profiles=server" localhost/bb:latest $try
}

lonely() { # without a network nothing is reached, guarded or not; loopback is
	local as="$WHO, $NAME_OF, --network none"
	check "$as: it starts, and its loopback is its own" box --network none \
		--annotation terok.guard= localhost/bb:latest sh -c "nc -ll -p 5 -e /bin/id & sleep 0.2; nc -w 2 127.0.0.1 5"
}

# within another container's network: a guard of its own, whatever the other one has
joined() {
	local as="$WHO, $NAME_OF, --network container:" other=$1
	shift
	# shellcheck disable=SC2046
	"${WHO}_podman" run -d --name other $(own) --network "$other" "$@" localhost/bb:latest sleep 1000 >/dev/null
	refused_by_guard "$as it is refused by its own guard" \
		box --network container:other --annotation terok.guard= localhost/bb:latest $try
	check "$as its own profile is its own" box --network container:other \
		--annotation "terok.guard=up profiles=server" localhost/bb:latest $try
}

run_modes() { # run_modes DEFAULT MODE...
	local mode default=$1
	shift
	for mode in "$@"; do network "$mode"; done
	lonely
	joined "$default"
	check "... the other one has no guard" "${WHO}_podman" exec other $try
	gone other
	joined "$default" --annotation terok.guard=
	refused_by_guard "... the other one has its own" "${WHO}_podman" exec other $try
	gone other
	await_guards 0 "$WHO, $NAME_OF: no guard is left"
}

# what comes after the start
lives() {
	local as="$WHO, $NAME_OF"
	# shellcheck disable=SC2046
	"${WHO}_podman" run -d --name web $(own) --network "$1" --annotation terok.guard= \
		--annotation dossier.task=T1 localhost/bb:latest sleep 1000 >/dev/null
	refused_by_guard "$as: podman exec is guarded" "${WHO}_podman" exec web $try
	check "$as: its owner allows" as_owner "$BPFD" allow web "$HOST" --port $PORT
	check "$as: ... and it passes" "${WHO}_podman" exec web $try
	check "$as: restart" "${WHO}_podman" restart -t 0 web
	check "$as: restarted, it has what was allowed" "${WHO}_podman" exec web $try
	check "$as: its owner blocks" as_owner "$BPFD" block web
	check "$as: stop" "${WHO}_podman" stop -t 0 web
	await_guards 0 "$as: stopped, it has no guard"
	check "$as: start" "${WHO}_podman" start web
	refused_by_guard "$as: started again, it is blocked still" "${WHO}_podman" exec web $try
	check "$as: its dossier is there" sh -c "bpftool map dump pinned $TEROK_PINS/v1/maps/terok_dossier | grep -q T1"
	check "$as: kill" "${WHO}_podman" kill web
	await_guards 0 "$as: killed, it has no guard"
	gone web
}
as_owner() { if [ "$WHO" = root ]; then "$@"; else as_dev "$@"; fi; }

# refused_saying TEXT SAID ARG...
refused_saying() {
	local text=$1 why=$2
	shift 2
	refuse "$text" box --name refused --annotation terok.guard= "$@" localhost/bb:latest id
	said "terok: .*$why"
	gone refused
}

pod() {
	local as="$WHO, $NAME_OF, a pod"
	# shellcheck disable=SC2046
	"${WHO}_podman" pod create --name pod $(own) >/dev/null 2>/run/out || {
		echo "SKIP $as: podman makes none here: $(tail -n 1 /run/out)"
		return 0
	}
	if ! "${WHO}_podman" run --rm --pod pod localhost/bb:latest $try >/run/out 2>&1; then
		echo "SKIP $as: it starts none here: $(tail -n 1 /run/out)"
		"${WHO}_podman" pod rm -f -t 0 pod >/dev/null 2>&1 || true
		return 0
	fi
	refused_by_guard "$as: a member is guarded" \
		"${WHO}_podman" run --rm --pod pod --annotation terok.guard= localhost/bb:latest $try
	check "$as: another has a profile of its own" \
		"${WHO}_podman" run --rm --pod pod --annotation "terok.guard=up profiles=server" localhost/bb:latest $try
	check "$as: one without the annotation has no guard" \
		"${WHO}_podman" run --rm --pod pod localhost/bb:latest $try
	"${WHO}_podman" pod rm -f -t 0 pod >/dev/null 2>&1
}

WHO=root
for NAME_OF in runc crun; do
	RUNTIME=$(runtime $NAME_OF)
	box --network none localhost/bb:latest id >/run/out 2>&1 || {
		echo "SKIP rootful_$NAME_OF: it starts no container here: $(tail -n 1 /run/out)"
		continue
	}
	run_modes bridge bridge host
	lives bridge
	pod
done
WHO=dev
for NAME_OF in crun runc; do
	RUNTIME=$(command -v $NAME_OF)
	modes=slirp4netns
	modes="$modes host"
	if podman_is 5; then modes="pasta $modes"; else echo "SKIP rootless_pasta: podman $PODMAN has none"; fi
	# shellcheck disable=SC2086
	run_modes ${modes%% *} $modes
	lives "${modes%% *}"
	pod
	check "dev, $NAME_OF: --userns keep-id" box --userns keep-id --annotation terok.guard= localhost/bb:latest id
done
RUNTIME=$(command -v crun)
own() { :; }
refused_saying "rootless: without a cgroup of its own" "no cgroup of its own.*--cgroup-parent, or with systemd" \
	--cgroups=disabled
if podman_is 5; then
	check "rootless: this crun makes one by itself" box --annotation terok.guard= localhost/bb:latest id
else
	refused_saying "rootless: where crun makes none by itself" "no cgroup of its own"
fi

stop_agent
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
as_dev podman rm -f -t 0 -a >/dev/null
