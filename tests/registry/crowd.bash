# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# crowd.bash - terok-cp and many agents' peers, for tests and figures of many sessions
#
# Sourced, with B the build folder and dir a folder of its own. The peers are one process (peer/crowd.c),
# the runtime is a podman that a script plays from the files that it wrote. crowd_end ends all of it.
cp=$B/terok-cp crowd_log=$dir/log crowd_port=$((20000 + RANDOM % 10000)) server='' crowd=''
for program in "$cp" "$B/tests/registry/peer/crowd"; do
	[ -x "$program" ] || { echo "$program is not there (make)"; exit 1; }
done
export HOME=$dir LC_ALL=C TEROK_CREDENTIALS_DIR=$dir/c TEROK_SANDBOX_STATE_DIR=$dir/s TEROK_SANDBOX_RUNTIME_DIR=$dir/r
unset NOTIFY_SOCKET
mkdir "$dir/bin"
cat >"$dir/bin/podman" <<'END2'
#!/bin/sh
dir=$(dirname "$(dirname "$0")")
case "$1 $*" in
ps*json*) exec cat "$dir/list" ;;
ps*) exec cat "$dir/ids" ;;
container*) exec cat "$dir/inspect" ;;
events*) exec tail -f "$dir/happens" ;;
esac
END2
chmod 755 "$dir/bin/podman"
: >"$dir/happens"
export PATH=$dir/bin:$PATH
"$cp" pki init >/dev/null || exit 1
mkdir -p "$dir/s/controlplane"

crowd_end() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$crowd" ] || kill "$crowd" 2>/dev/null
	wait 2>/dev/null
}

# crowd_begin N [server]: so many peers listen
crowd_begin() {
	local said
	rm -f "$dir/orders" "$dir/said"
	mkfifo "$dir/orders" "$dir/said"
	exec 9<>"$dir/said"
	"$B/tests/registry/peer/crowd" "$dir/c/pki" "$dir/s/controlplane/controlplane.db" "$dir" "$1" $crowd_port ${2+"$2"} <"$dir/orders" >"$dir/said" 9>&- &
	crowd=$!
	exec 8>"$dir/orders" # they end with us
	read -rt 60 said <&9 && [ "$said" = ready ]
}

# crowd_ask WORD [N] [SECONDS]: what the peers say; the number, then when it was
crowd_ask() {
	local said n at
	echo "$1 ${2-}" >&8
	read -rt "${3-10}" said n at <&9 && echo "$n $at"
}

now_ns() { # CLOCK_BOOTTIME, as the peers have it
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0000000"
}

cp_begin() { # [OPTION...]
	local i
	: >"$crowd_log"
	"$cp" serve --agent-port $((crowd_port + 1)) --admin-port $((crowd_port + 2)) --session-port $crowd_port "$@" 2>>"$crowd_log" </dev/null 8>&- 9>&- &
	server=$!
	for ((i = 0; i < 1000; i++)); do
		[ "$(grep -c ' serves ' "$crowd_log")" -lt 2 ] || return 0
		kill -0 $server 2>/dev/null || break
		read -rt 0.02 <> <(:) || :
	done
	cat "$crowd_log" >&2
	return 1
}

cp_end() { # [SIGNAL]
	kill "${1--TERM}" "$server"
	wait "$server" 2>/dev/null
	server=''
}

cp_memory() { # bytes that are its alone, and its part of what it shares
	awk '/^Private_Dirty:/ { print $2 * 1024 }' "/proc/$server/smaps_rollup"
}
cp_wakes() { # how often it has slept
	awk '/^voluntary/ { print $2 }' "/proc/$server/status"
}
cp_cpu() { # milliseconds that it has worked
	awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/$server/stat"
}
logged() { grep -c "event=$1 " "$crowd_log"; }
