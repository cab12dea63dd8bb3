# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# modes.sh - every way of starting a container, guarded and not; sourced after lib.sh
#
# modes WHO MANAGER: for both runtimes, a row for each network: who, network, cgroup manager,
# runtime, podman and what came of it, with tabs between, to MODES_OUT. A container that passes
# although it is guarded, or is not started without a reason of ours, ends the test. HOOKS is the
# folder of hooks, PARENT what gives a container a cgroup of its own; as lib.sh has them are
# as_dev, HOST and PORT.

# its first act; a hook refuses it with EHOSTUNREACH, and a network that is none with ENETUNREACH
FIRST="nc -w 2 $HOST $PORT </dev/null 2>&1 && echo REACHED || echo CLOSED"

# run_as WHO ARG...: podman with the runtime and the cgroup manager of now
run_as() {
	local who=$1 as=as_dev
	shift
	[ "$who" != root ] || as=
	$as podman --hooks-dir "$HOOKS" --runtime "$RUNTIME" --cgroup-manager "$MANAGER" "$@"
}

# came_of FILE: one word, and for what was not started the reason
came_of() {
	if grep -q REACHED "$1"; then
		echo reached
	elif grep -q 'No route to host' "$1"; then
		echo guarded
	elif grep -q CLOSED "$1"; then
		echo nowhere
	elif grep -q 'terok: ' "$1"; then
		echo "not started: $(sed -n 's/.*terok: //p' "$1" | tail -n 1 | said_shorter)"
	else
		echo "podman: $(sed -n 's/^Error: //p' "$1" | tail -n 1 | said_shorter)"
	fi
}
# without what is of this run alone
said_shorter() {
	sed 's/[0-9a-f]\{64\}/ID/g; s/: OCI runtime.*//; s/"//g; s/[|\t]/ /g; s/ *$//' | cut -c 1-200
}

# attempt FILE WHO ARG...: what podman says of it goes to FILE. Beside busy neighbours runc's init dies now and
# then before any hook is called, with and without a guard, and podman loses what a short container said; that
# says nothing of either, and is tried again.
attempt() {
	local to=$1 who=$2
	shift 2
	for _ in 1 2 3; do
		run_as "$who" "$@" >"$to" 2>&1 || true
		[ ! -s "$to" ] || grep -q 'waiting for init preliminary setup' "$to" || return 0
		echo "$NAME_OF began no container of $who, or nothing is known of it: once more" >&2
		run_as "$who" rm -f -t 0 modes >/dev/null 2>&1 || true
	done
}

# bare_check WHO NETWORK GUARDED ARG...: without the annotation it passes, or podman has no such mode
bare_check() {
	local who=$1 network=$2 guarded=$3 bare
	shift 3
	attempt /run/bare "$who" run --rm --name modes "$@" localhost/bb:latest sh -c "$FIRST"
	bare=$(came_of /run/bare)
	case $guarded/$bare/$network in
	guarded/reached/* | guarded/nowhere/none | podman:*/podman:*/*) ;;
	*) fail "$who, $network, $NAME_OF: guarded it is '$guarded', else '$bare': $(cat /run/guarded /run/bare)" ;;
	esac
}

# row WHO NETWORK CAME
row() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$MANAGER" "$NAME_OF" "$PODMAN" "$3" >>"$MODES_OUT"
	echo "ok $1, $2, $MANAGER, $NAME_OF: $3"
}

# try_mode WHO NETWORK ARG...: one row
try_mode() {
	local who=$1 network=$2 guarded
	shift 2
	attempt /run/guarded "$who" run --rm --name modes --annotation terok.guard=up "$@" \
		localhost/bb:latest sh -c "$FIRST"
	run_as "$who" rm -f -t 0 modes >/dev/null 2>&1 || true
	guarded=$(came_of /run/guarded)
	case $guarded in
	reached) fail "$who, $network, $NAME_OF: it is open: $(cat /run/guarded)" ;;
	nowhere) fail "$who, $network, $NAME_OF: no hook refuses it: $(cat /run/guarded)" ;;
	guarded | podman:*) bare_check "$who" "$network" "$guarded" "$@" ;;
	esac
	row "$who" "$network" "$guarded"
}

# tried WHO NAME: what a process by exec in that container comes to
tried() {
	run_as "$1" exec "$2" sh -c "$FIRST" >/run/tried 2>&1 || true
	came_of /run/tried
}

# other WHO NAME ARG...: a container that another one joins
other() {
	local who=$1 name=$2
	shift 2
	run_as "$who" run -d --name "$name" "$@" localhost/bb:latest sleep 1000 >/run/out 2>&1 ||
		fail "$who: no container to join: $(cat /run/out)"
}

# pod_of WHO ARG...: a pod "pod"; podman 4 wants more controllers for a cgroup of its own than a hybrid machine has
pod_of() {
	local who=$1 pod
	shift
	pod=(pod create --name pod --infra-image localhost/bb:latest --infra-command "sleep 1000")
	run_as "$who" "${pod[@]}" "$@" || run_as "$who" "${pod[@]}" --share-parent=false
}

modes() {
	local who=$1 own=()
	MANAGER=$2
	[ "$who" = root ] || own=("${PARENT[@]}")
	for NAME_OF in runc crun; do
		RUNTIME=$(runtime $NAME_OF)
		try_mode "$who" "(none named)"
		for network in none bridge host pasta slirp4netns; do
			try_mode "$who" $network --network $network "${own[@]}"
		done
		other "$who" joined "${own[@]}"
		try_mode "$who" container:X --network container:joined "${own[@]}"
		[ "$(tried "$who" joined)" = reached ] || fail "$who: X, which is joined, is refused: $(cat /run/tried)"
		other "$who" guarded --annotation terok.guard=up "${own[@]}"
		try_mode "$who" "container:X, X is guarded" --network container:guarded "${own[@]}"
		[ "$(tried "$who" guarded)" = guarded ] || fail "$who: podman exec: $(cat /run/tried)"
		row "$who" "podman exec" guarded
		pod_of "$who" "${own[@]}" >/run/out 2>&1 || fail "$who: no pod: $(cat /run/out)"
		try_mode "$who" "in a pod" --pod pod
		run_as "$who" pod rm -f -t 0 pod >/run/out 2>&1 || fail "$who: the pod stays: $(cat /run/out)"
		run_as "$who" rm -f -t 0 -a >/dev/null 2>&1
	done
}

# modes_compare FILE: are these rows in MODES.md? MODES_TO=FILE takes them instead
modes_compare() {
	if [ -n "${MODES_TO-}" ]; then
		cat "$1" >>"$MODES_TO"
		return 0
	fi
	case $PODMAN in 4.* | 5.*) ;; *) return 0 ;; esac # the table is of these two
	check "MODES.md has each of these" "$HERE/modes_table" compare "$1"
}
