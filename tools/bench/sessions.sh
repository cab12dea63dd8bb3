#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sessions.sh BUILD FOLDER N - terok-cp with sessions of N agents' peers, and a stock gRPC with as many streams
#
# For each line on stdin, which says what is to be done, numbers on stdout:
#   ours		bytes of the control plane for each session
#   grpcio		bytes of stock grpcio for each stream to the same peers
#   storm		all are held, and it is killed: nanoseconds from its next start until all plans have
#			run again, milliseconds of its processor's time, and cycles that failed
#   idle S		how often it wakes up in S seconds, and milliseconds of its processor's time
set -u
B=$1 dir=$2 n=$3 cp='' server='' crowd='' crowd_port='' crowd_log=''
here=$(dirname "$0")
for need in jq openssl; do
	command -v $need >/dev/null || { echo "$need is not installed (tools/deps --install test)" >&2; exit 77; }
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || { echo "python3-grpcio is not installed (tools/deps --install test)" >&2; exit 77; }
. "$here/../../tests/registry/crowd.bash"
trap crowd_end EXIT
crowd_begin "$n" || exit 1
few=$((n / 10))
echo ready

hold() { # all of them have a session
	cp_begin >&2 && [ "$(crowd_ask await "$n" 90)" ]
}
none() {
	cp_end "$@"
	[ "$(crowd_ask await 0)" ]
}
ours() { # a few first: what there is once is not counted
	mkdir "$dir/all" && mv "$dir/ids" "$dir/list" "$dir/all/"
	head -n $few "$dir/all/ids" >"$dir/ids"
	jq -c ".[:$few]" "$dir/all/list" >"$dir/list"
	cp_begin --db "$dir/other.db" >&2 && [ "$(crowd_ask await $few 60)" ] || return
	local before
	before=$(cp_memory)
	none && mv "$dir/all/"* "$dir/" && rmdir "$dir/all" && hold || return
	echo $((($(cp_memory) - before) / (n - few)))
}
storm() {
	local at begun
	none -KILL || return
	begun=$(now_ns)
	cp_begin >&2 && at=$(crowd_ask await "$n" 120) || return
	echo "$((${at#* } - begun)) $(cp_cpu) $(logged agent.session.failed)"
}
others() { # who has a name, without which stock grpcio speaks to nobody
	kill "$crowd"
	wait "$crowd" 2>/dev/null
	crowd_begin "$n" server
}
idle() {
	local wakes cpu
	wakes=$(cp_wakes) cpu=$(cp_cpu)
	read -rt "$1" <> <(:)
	echo "$(($(cp_wakes) - wakes)) $(($(cp_cpu) - cpu))"
}
while read -r what how; do
	case $what in
	ours) ours ;;
	storm) storm ;;
	idle) idle "$how" ;;
	grpcio) none && others && /usr/bin/python3 "$here/sessions_peer.py" "$dir/c/pki" $crowd_port $few "$n" ;;
	esac || { tail -n 3 "$crowd_log" >&2; exit 1; }
done
