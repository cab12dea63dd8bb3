# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# serve.bash - terok-cp serve for a shell test: a home of its own, a played runtime, ports that are free
#
# Sourced. What a test starts besides, and does not end, is in others. A podman that a script plays
# says which container is at which address: there "ID AGENT PROJECT ADDRESS"...; - is no project.
for need in openssl jq sqlite3 curl; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || { echo "SKIP: python3-grpcio is not installed (tools/deps --install test)"; exit 77; }
cp=$B/terok-cp bad=0 here=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")") server= others=()
[ -x "$cp" ] || { echo "$cp is not there (make)"; exit 1; }
dir=$(mktemp -d)
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ ${#others[@]} = 0 ] || kill -- "${others[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
export HOME=$dir LC_ALL=C TEROK_CREDENTIALS_DIR=$dir/c TEROK_SANDBOX_STATE_DIR=$dir/s TEROK_SANDBOX_RUNTIME_DIR=$dir/r GRPC_VERBOSITY=NONE
export TEROK_RUN=$dir/run # not the machine's agent
unset NOTIFY_SOCKET http_proxy https_proxy HTTPS_PROXY
db=$dir/s/controlplane/controlplane.db log=$dir/log
agent_port=$((20000 + RANDOM % 6000)) admin_port=$((26000 + RANDOM % 6000))

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
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
logged() { grep -q "event=$1\b" "$log" || { tail -n 3 "$log"; return 1; }; }
rows() { sqlite3 "$db" "SELECT count(*) FROM agents"; }

# --- a runtime: ID AGENT PROJECT ADDRESS lines in $dir/there; a file $dir/away: it fails
mkdir "$dir/bin"
cat >"$dir/bin/podman" <<'END'
#!/bin/bash
dir=$(dirname "$(dirname "$0")")
case "$*" in # who follows what happens: nothing does, and nobody is dialled
ps*json*) echo '[]'; exit ;;
events*) exec sleep 1000 ;;
esac
echo "$*" >>"$dir/asked"
[ ! -e "$dir/away" ] || { echo "away" >&2; exit 125; }
case $1 in
ps) cut -d' ' -f1 "$dir/there" ;;
container)
	shift 3 # container inspect --
	for id; do
		grep "^$id " "$dir/there" | while read -r id agent project addr; do
			printf '{"Id":"%s","Config":{"Labels":{"dev.clawker.purpose":"agent","dev.clawker.agent":"%s","dev.clawker.project":"%s"}},"NetworkSettings":{"Networks":{"clawker-net":{"IPAddress":"%s"}}}}\n' \
				"$id" "$agent" "${project#-}" "$addr"
		done
	done | jq -s .
	;;
esac
END
chmod 755 "$dir/bin/podman"
export PATH=$dir/bin:$PATH
there() { printf '%s\n' "$@" >"$dir/there"; }
there "aa dev proj 127.0.0.1"

serve() { # [OPTION...]: it listens
	local i try
	for ((try = 0; try < 20; try++)); do
		: >"$log"
		"$cp" serve --agent-port $agent_port --admin-port $admin_port "$@" 2>"$log" &
		server=$!
		for ((i = 0; i < 500; i++)); do
			[ "$(grep -c ' serves ' "$log")" -lt 2 ] || return 0
			kill -0 $server 2>/dev/null || break
			sleep 0.02
		done
		grep -q 'already in use' "$log" || break
		agent_port=$((20000 + RANDOM % 6000)) admin_port=$((26000 + RANDOM % 6000))
	done
	echo "not ok it serves"
	sed 's/^/    /' "$log"
	exit 1
}
stop() { # [SIGNAL]
	kill "${1--TERM}" "$server"
	wait "$server" 2>/dev/null
	server=
}
client() { timeout 60 /usr/bin/python3 "$here/cp_client.py" "$@"; }
register() { client register "$1" $agent_port "${@:2}"; }
issue() { # issue FOLDER CONTAINER AGENT [PROJECT]
	"$cp" pki issue "$3" --container "$2" ${4:+--project "$4"} --out "$dir/$1" >/dev/null
}
