# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# session.bash - terok-cp serve, a real terok-agentd and who watches, for a shell test: all in a folder of its own
#
# Sourced. The container is played: a podman that a script plays says that it runs, at 127.0.0.1, and what happens to it.
for need in jq sqlite3; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
cp=$B/terok-cp bad=0 server='' agent='' watcher=''
for program in "$cp" "$B/terok-agentd"; do
	[ -x "$program" ] || { echo "$program is not there (make)"; exit 1; }
done
dir=$(mktemp -d)
cleanup() {
	for pid in $watcher $server $agent $(cat "$dir/pids" 2>/dev/null); do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
export HOME=$dir LC_ALL=C TEROK_CREDENTIALS_DIR=$dir/c TEROK_SANDBOX_STATE_DIR=$dir/s TEROK_SANDBOX_RUNTIME_DIR=$dir/r
export TEROK_RUN=${TEROK_RUN-$dir/run} # not the machine's agent
unset NOTIFY_SOCKET
log=$dir/log seen=$dir/seen db=$dir/s/controlplane/controlplane.db
agent_port=$((20000 + RANDOM % 4000)) admin_port=$((24000 + RANDOM % 4000)) session_port=$((28000 + RANDOM % 4000))

is() { # is NAME CMD...: CMD succeeds
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 5 <<<"$out" | sed 's/^/    /'
		bad=1
	fi
}
same() { [ "$1" = "$2" ] || { printf "'%s' is not\n'%s'\n" "$1" "$2"; return 1; }; }
until_true() { # until_true CMD...: it becomes so, in ten seconds
	local i
	for ((i = 0; i < 500; i++)); do
		! "$@" || return 0
		sleep 0.02
	done
	return 1
}

# --- a runtime: a file "there" has the id of the container that runs; lines of "happens" are its events
mkdir "$dir/bin"
cat >"$dir/bin/podman" <<'END2'
#!/bin/bash
dir=$(dirname "$(dirname "$0")")
labels='{"dev.clawker.managed":"true","dev.clawker.purpose":"agent","dev.clawker.agent":"dev","dev.clawker.project":"proj"}'
id=$(cat "$dir/there" 2>/dev/null)
case "$1 $*" in
ps*json*) [ -z "$id" ] || printf '[{"Id":"%s","Names":["c"],"State":"running","Labels":%s}]\n' "$id" "$labels"
	[ -n "$id" ] || echo '[]' ;;
ps*) [ -z "$id" ] || echo "$id" ;;
container*) printf '[{"Id":"%s","Config":{"Labels":%s},"NetworkSettings":{"Networks":{"clawker-net":{"IPAddress":"127.0.0.1"}}}}]\n' "$id" "$labels" ;;
events*) exec tail -n +1 -s 0.02 -f "$dir/happens" ;;
esac
END2
chmod 755 "$dir/bin/podman"
export PATH=$dir/bin:$PATH
touch "$dir/happens"
happens() { # happens STATUS: of the container
	printf '{"ID":"aa","Name":"c","Status":"%s","Type":"container","Attributes":{"dev.clawker.purpose":"agent","dev.clawker.agent":"dev","dev.clawker.project":"proj"}}\n' "$1" >>"$dir/happens"
}

serves() { [ "$(grep -c ' serves ' "$log")" -ge 2 ]; }
serve() { # [OPTIONS]
	local try
	for ((try = 0; try < 20; try++)); do
		: >"$log"
		"$cp" serve --agent-port $agent_port --admin-port $admin_port --session-port $session_port "$@" 2>>"$log" &
		server=$!
		until_true eval 'serves || ! kill -0 $server 2>/dev/null'
		! serves || return 0
		grep -q 'already in use' "$log" || break
		agent_port=$((20000 + RANDOM % 4000)) admin_port=$((24000 + RANDOM % 4000))
	done
	echo "not ok it serves"
	sed 's/^/    /' "$log"
	exit 1
}
watch() {
	: >"$seen"
	"$cp" watch --json >"$seen" 2>"$dir/watch.err" &
	watcher=$!
	until_true test -s "$seen"
}
end() { # end PID [SIGNAL]
	kill "${2--TERM}" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}
up() { # terok-agentd listens; its command outlives it if it is killed, so it says its number
	: >"$dir/agent.log"
	CLAWKER_USER=$(id -u):$(id -g) CLAWKER_AGENT=dev CLAWKER_PROJECT=proj CLAWKER_CP_AGENT_ADDR=127.0.0.1:$agent_port \
		"$B/terok-agentd" --listen 127.0.0.1:$session_port --bootstrap "$dir/a" -- \
		/bin/sh -c "echo \$\$ >>$dir/pids; exec sleep 1000" >/dev/null 2>"$dir/agent.log" &
	agent=$!
	until_true grep -q 'listens at' "$dir/agent.log" || { cat "$dir/agent.log"; exit 1; }
}
told() { jq -r 'select(.event) | .event' "$seen" | grep '^agent\.' | sed 's/^agent\.//' | tr '\n' ' '; }
has() { [[ $(told) == *"$1"* ]]; }
count() { told | tr ' ' '\n' | grep -cx "$1"; }
