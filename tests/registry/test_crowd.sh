#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_crowd.sh - terok-cp and a hundred agents' peers: what their sessions cost, and all of them again after kill -9
#
# CROWD=1000 tries it with as many. tools/bench has the figures of a thousand.
set -u
for need in jq sqlite3; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
n=${CROWD:-100} bad=0 cp=''
dir=$(mktemp -d)
. "$(dirname "$0")/crowd.bash"
trap 'crowd_end; rm -rf "$dir"' EXIT

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
most() { [ "$1" -le "$2" ] || { echo "$1 is more than $2"; return 1; }; }
first() { echo "${1%% *}"; }
sanitized() { grep -qa __asan_init "$cp"; } # its memory is no measure

if ! crowd_begin "$n"; then
	echo "not ok the peers listen"
	exit 1
fi
few=$((n / 10))
mkdir "$dir/all" && mv "$dir/ids" "$dir/list" "$dir/all/"
head -n $few "$dir/all/ids" >"$dir/ids"
jq -c ".[:$few]" "$dir/all/list" >"$dir/list"

# --- a few, then all of them; with fewer descriptors than that at first
ulimit -Sn $((n / 2 + 32))
cp_begin --db "$dir/other.db" || { echo "not ok it serves"; exit 1; } # it evicts who is not there
is "a few have sessions" same "$(first "$(crowd_ask await $few 60)")" $few
before=$(cp_memory)
cp_end
is "and none once it has ended" same "$(first "$(crowd_ask await 0 10)")" 0
mv "$dir/all/"* "$dir/"
cp_begin || { echo "not ok it serves"; exit 1; }
is "each of $n containers has a session, and its plan has run" same "$(first "$(crowd_ask await "$n" 60)")" "$n"
is "without one that failed" same "$(logged agent.session.failed) $(logged agent.untrusted)" "0 0"
each=$((($(cp_memory) - before) / (n - few)))
if sanitized; then
	echo "# sanitizers are in it: $each bytes for each session say nothing"
else
	is "a session costs 64 KiB at most ($each bytes)" most $each 65536
fi
seen() { [ "$(sqlite3 "$dir/s/controlplane/controlplane.db" "SELECT count(*) FROM agents WHERE last_seen > registered_at" 2>/dev/null)" = "$n" ]; }
for ((i = 0; i < 600; i++)); do # the last that is to be done for a while: after 26 s they are asked whether they live
	! seen || break
	read -rt 0.05 <> <(:)
done
is "that they were seen is in the registry" seen
read -rt 0.5 <> <(:)
wakes=$(cp_wakes)
read -rt 12 <> <(:)
is "none of them wakes it, between two questions whether they live" same $(($(cp_wakes) - wakes)) 0

# --- it is killed, and comes again
cp_end -KILL
is "a control plane that is killed has no session" same "$(first "$(crowd_ask await 0 10)")" 0
begun=$(now_ns)
cp_begin || { echo "not ok it serves again"; exit 1; }
again=$(crowd_ask await "$n" 60)
is "one that comes again has all of them" same "$(first "$again")" "$n"
is "... within a minute" most $((${again#* } - begun)) 60000000000
is "... and not one was given up" same "$(logged agent.session.failed)" 0
is "who they are is known" same "$(logged agent.registered) $(logged agent.untrusted)" "0 0"

# --- and they are, and it is
kill "$crowd"
wait "$crowd" 2>/dev/null
crowd=''
for ((i = 0; i < 500; i++)); do
	[ "$(logged agent.session.broken)" -lt "$n" ] || break
	read -rt 0.02 <> <(:)
done
is "peers that die are sessions that broke" same "$(logged agent.session.broken)" "$n"
cp_end
exit $bad
