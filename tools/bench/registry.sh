#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# registry.sh BUILD FOLDER N - terok-cp and a stock gRPC that answer N agents, until standard input ends
#
# Each has CPU 0, if there are two, and its agents (tests/registry/peer/register_load.c) CPU 1. Prints
# "ours PID", "grpcio PID", "ready". A line "WHO DEED..." is for that one's agents, and their answer
# is printed; "evict" takes all rows and noted assertions out of our registry: "evicted".
set -u
build=$1 folder=$2 n=$3
load=$build/tests/registry/peer/register_load here=$(dirname "$0")
for need in openssl sqlite3; do
	command -v $need >/dev/null || { echo "$need is not installed (tools/deps --install test)" >&2; exit 77; }
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || { echo "python3-grpcio is not installed (tools/deps --install test)" >&2; exit 77; }
export HOME=$folder/home LC_ALL=C TEROK_CREDENTIALS_DIR=$folder/c TEROK_SANDBOX_STATE_DIR=$folder/s TEROK_SANDBOX_RUNTIME_DIR=$folder/r GRPC_VERBOSITY=NONE
unset NOTIFY_SOCKET http_proxy https_proxy HTTPS_PROXY
mkdir -m 0700 "$HOME" "$folder/bin" "$folder/ours" "$folder/grpcio"
ulimit -n 8192
served=() asks=() pids=()
[ "$(nproc --all)" -lt 2 ] || served=(taskset -c 0) asks=(taskset -c 1)
trap 'kill "${pids[@]}" 2>/dev/null; wait' EXIT
cat >"$folder/bin/podman" <<END
#!/bin/sh
case "\$*" in
ps*json*) echo '[]' ;;
events*) exec sleep 100000 ;;
ps*) cat $folder/ours/ids ;;
container*) cat $folder/ours/inspect.json ;;
esac
END
chmod 755 "$folder/bin/podman"
export PATH=$folder/bin:$PATH
pki=$folder/c/pki db=$folder/s/controlplane/controlplane.db
"$build/terok-cp" pki init >/dev/null || exit 1

fails() {
	echo "$1" >&2
	tail -n 5 "$2" >&2
	exit 1
}
heard() { # heard FD LOG: a line of who asks
	read -r -t 120 line <&"$1" || fails "agents that say nothing" "$2"
}
mkfifo "$folder"/{ours,grpcio}/{to,from}
for who in ours grpcio; do
	"${asks[@]}" "$load" "$pki" "$n" "$folder/$who" <"$folder/$who/to" >"$folder/$who/from" 2>"$folder/$who/err" &
	pids+=($!)
done
exec 3>"$folder/ours/to" 4<"$folder/ours/from" 5>"$folder/grpcio/to" 6<"$folder/grpcio/from"
heard 4 "$folder/ours/err"
heard 6 "$folder/grpcio/err"

begin() { # begin LOG LINES TEXT COMMAND...: it says so, in 20 s at most
	local log=$1 lines=$2 text=$3 i
	shift 3
	: >"$log"
	"${served[@]}" "$@" </dev/null >>"$log" 2>&1 &
	pids+=($!)
	for ((i = 0; i < 2000; i++)); do
		[ "$(grep -c "$text" "$log")" -lt "$lines" ] || return
		kill -0 "${pids[-1]}" 2>/dev/null || break
		read -rt 0.01 <> <(:) || :
	done
	fails "it does not begin: $*" "$log"
}
begin "$folder/ours/log" 2 ' serves ' "$build/terok-cp" serve --agent-port 17444 --admin-port 17443
echo "ours ${pids[-1]}"
begin "$folder/grpcio/log" 1 ^serves /usr/bin/python3 "$here/registry_peer.py" 17446 "$pki/server.pem" "$pki/ca.pem"
echo "grpcio ${pids[-1]}"
echo "connect 17444" >&3
heard 4 "$folder/ours/err"
echo "connect 17446" >&5
heard 6 "$folder/grpcio/err"
echo ready

while read -r who deed; do
	case $who in
	ours) echo "$deed" >&3 && heard 4 "$folder/ours/err" ;;
	grpcio) echo "$deed" >&5 && heard 6 "$folder/grpcio/err" ;;
	evict) sqlite3 "$db" "PRAGMA busy_timeout=5000; DELETE FROM agents; DELETE FROM assertions_spent" >/dev/null && line=evicted ;;
	esac
	echo "$line"
	: >"$folder/ours/log" # it has a line of each call
done
