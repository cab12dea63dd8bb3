# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# session.bash - a control plane that has sessions: one container, what happens to it, and who watches
#
# Sourced, with B. The container is played: a podman that a script plays says that it runs, at 127.0.0.1.
NEEDS=
. "$(dirname "${BASH_SOURCE[0]}")/registry.bash"
seen=$dir/seen session_port=$((28000 + RANDOM % 4000))

# --- a runtime: a file "there" has the id of the container that runs; lines of "happens" are its events
played <<'END2'
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
touch "$dir/happens"
happens() { # happens STATUS: of the container
	printf '{"ID":"aa","Name":"c","Status":"%s","Type":"container","Attributes":{"dev.clawker.purpose":"agent","dev.clawker.agent":"dev","dev.clawker.project":"proj"}}\n' "$1" >>"$dir/happens"
}

up() { # terok-agentd listens; its command outlives it if it is killed, so it says its number
	: >"$dir/agent.log"
	CLAWKER_USER=$(id -u):$(id -g) CLAWKER_AGENT=dev CLAWKER_PROJECT=proj CLAWKER_CP_AGENT_ADDR=127.0.0.1:$agent_port \
		"$B/terok-agentd" --listen 127.0.0.1:$session_port --bootstrap "$dir/a" -- \
		/bin/sh -c "echo \$\$ >>$dir/pids; exec sleep 1000" >/dev/null 2>"$dir/agent.log" &
	agent=$!
	until_true grep -q 'listens at' "$dir/agent.log" || { cat "$dir/agent.log"; exit 1; }
}
watch() {
	: >"$seen"
	"$cp" watch --json >"$seen" 2>"$dir/watch.err" &
	watcher=$!
	until_true test -s "$seen"
}
told() { jq -r 'select(.event) | .event' "$seen" | grep '^agent\.' | sed 's/^agent\.//' | tr '\n' ' '; }
has() { [[ $(told) == *"$1"* ]]; }
count() { told | tr ' ' '\n' | grep -cx "$1"; }
