# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# serve.bash - terok-cp serve for a shell test that calls it: a played runtime, and a stock gRPC
#
# Sourced, with B. A podman that a script plays
# says which container is at which address: there "ID AGENT PROJECT ADDRESS"...; - is no project.
/usr/bin/python3 -c 'import grpc' 2>/dev/null || { echo "SKIP: python3-grpcio is not installed (tools/deps --install test)"; exit 77; }
NEEDS=curl
. "$(dirname "${BASH_SOURCE[0]}")/registry.bash"

logged() { grep -q "event=$1\b" "$log" || { tail -n 3 "$log"; return 1; }; }
rows() { sqlite3 "$db" "SELECT count(*) FROM agents"; }

# --- a runtime: ID AGENT PROJECT ADDRESS lines in $dir/there; a file $dir/away: it fails
played <<'END'
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
there() { printf '%s\n' "$@" >"$dir/there"; }
there "aa dev proj 127.0.0.1"

stop() { # [SIGNAL]
	end "$server" "${1-TERM}"
	server=
}
client() { timeout 60 /usr/bin/python3 "$here/cp_client.py" "$@"; }
register() { client register "$1" $agent_port "${@:2}"; }
issue() { # issue FOLDER CONTAINER AGENT [PROJECT]
	"$cp" pki issue "$3" --container "$2" ${4:+--project "$4"} --out "$dir/$1" >/dev/null
}
