# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# registry.bash - a shell test of the registry: a home of its own, what it says, a control plane that listens
#
# Sourced, with B. NEEDS are programs without which the test is skipped. What it starts is in server, watcher,
# agent or others, or says its number in $dir/pids, and does not outlive it.
for need in openssl jq sqlite3 $NEEDS; do
	command -v "$need" >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
cp=$B/terok-cp bad=0 here=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")") server= watcher= agent= others=()
[ -x "$cp" ] || { echo "$cp is not there (make)"; exit 1; }
dir=$(mktemp -d)
cleanup() {
	local pid
	for pid in $server $watcher $agent "${others[@]}" $(cat "$dir/pids" 2>/dev/null); do
		kill -- "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
export HOME=$dir LC_ALL=C TEROK_CREDENTIALS_DIR=$dir/c TEROK_SANDBOX_STATE_DIR=$dir/s TEROK_SANDBOX_RUNTIME_DIR=$dir/r GRPC_VERBOSITY=NONE
export TEROK_RUN=${TEROK_RUN-$dir/run} # not the machine's agent
unset NOTIFY_SOCKET http_proxy https_proxy HTTPS_PROXY
db=$dir/s/controlplane/controlplane.db log=$dir/log

is() { # is NAME CMD...: CMD succeeds
	local name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 20 "$dir/said" | sed 's/^/    /'
		bad=1
	fi
}
not() { ! "$@"; }
same() { [ "$1" = "$2" ] || { printf "'%s' is not\n'%s'\n" "$1" "$2"; return 1; }; }
until_true() { # until_true CMD...: it becomes so, in ten seconds
	local i
	for ((i = 0; i < 500; i++)); do
		! "$@" || return 0
		sleep 0.02
	done
	return 1
}
ports() { agent_port=$((20000 + RANDOM % 4000)) admin_port=$((24000 + RANDOM % 4000)); }
ports
serves() { [ "$(grep -c ' serves ' "$log")" -ge 2 ]; }
serve() { # [OPTION...]: it listens
	local try
	for ((try = 0; try < 20; try++)); do
		: >"$log"
		"$cp" serve --agent-port $agent_port --admin-port $admin_port "$@" 2>>"$log" &
		server=$!
		until_true eval 'serves || ! kill -0 $server 2>/dev/null'
		! serves || return 0
		grep -q 'already in use' "$log" || break
		ports
	done
	echo "not ok it serves"
	sed 's/^/    /' "$log"
	exit 1
}
end() { # end PID [SIGNAL]
	kill "-${2-TERM}" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}
# played: "podman" is what stands on standard input, in the folder that has all that it says
played() {
	mkdir "$dir/bin"
	cat >"$dir/bin/podman"
	chmod 755 "$dir/bin/podman"
	export PATH=$dir/bin:$PATH
}
