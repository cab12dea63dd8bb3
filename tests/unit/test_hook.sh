#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_hook.sh - terok-hook, the program: what it is not told enough it refuses, and the end of a
# container nothing keeps from coming
B=$(readlink -f "${B:-build}")
HOOK=$B/terok-hook
bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export TEROK_RUN=$tmp/run TEROK_HOOK_VERSION=1

# exits NAME CODE SAID INPUT ARG...
exits() {
	local name=$1 code=$2 said=$3 input=$4 rc=0
	shift 4
	timeout 20 "$HOOK" "$@" >"$tmp/out" 2>"$tmp/err" <<<"$input" || rc=$?
	if [ $rc = "$code" ] && { [ -z "$said" ] || grep -q -- "$said" "$tmp/out" "$tmp/err"; }; then
		echo "ok $name"
	else
		echo "not ok $name"
		echo "   exit $rc: $(head -c 300 "$tmp/out" "$tmp/err")"
		bad=1
	fi
}

ID=$(printf 'a%.0s' {1..64})
state() { printf '{"ociVersion":"1.0","id":"%s","status":"created","pid":%s,"bundle":"%s","annotations":{"terok.guard":""}}' "$1" "$2" "$3"; }

exits "no stage" 2 "one stage is expected" ""
exits "a stage that is none of ours" 2 "one stage is expected" "" prestart
exits "help" 0 "usage: terok-hook" "" --help
for stage in precreate createRuntime; do
	exits "$stage: nothing" 1 "terok: stdin: JSON of the container is expected" "" $stage
	exits "$stage: no JSON" 1 "terok: stdin: JSON of the container is expected" "{" $stage
	exits "$stage: no object" 1 "terok: stdin: JSON of the container is expected" "[]" $stage
done
exits "precreate: an empty configuration is handed on" 0 '^{}$' "{}" precreate
exits "no id" 1 "no id or no pid" '{"pid":1}' createRuntime
exits "no pid" 1 "no id or no pid" "$(state "$ID" '"1"' /)" createRuntime
exits "a pid that is none" 1 "no id or no pid" "$(state "$ID" -1 /)" createRuntime
exits "an id that is a path" 1 "no id or no pid" "$(state "../$ID" 1 /)" createRuntime
exits "no bundle" 1 "no bundle" "$(state "$ID" $$ "")" createRuntime
exits "a process in a cgroup of others" 1 "no cgroup of its own" "$(state "$ID" $$ "$tmp")" createRuntime
exits "a process that has ended" 1 "the cgroup of process" "$(state "$ID" 4194304 "$tmp")" createRuntime
for input in "" "{" '{"id":1}' "{\"id\":\"$ID\"}"; do
	exits "poststop keeps no container: '${input:0:8}'" 0 "" "$input" poststop
done
TEROK_HOOK_VERSION=99 exits "... nor does another version" 0 "" "{\"id\":\"$ID\"}" poststop
here=$(dirname "$0")/../..
want=$(sed -n '/define CONTROL_HOOK_VERSION/,/[0-9]/s/^[^0-9]*\([0-9][0-9]*\).*/\1/p' "$here/include/terok/control_msg.h" | head -n 1)
for file in "$here"/user/oci/*.json; do
	if grep -q "TEROK_HOOK_VERSION=$want\"" "$file"; then
		echo "ok ${file##*/} is of the version that the agent knows"
	else
		echo "not ok ${file##*/} is of the version that the agent knows"
		bad=1
	fi
done
ldd "$HOOK" >"$tmp/out" 2>&1
if grep -q "not a dynamic executable\|statically linked" "$tmp/out"; then echo "ok it needs no library"; else echo "not ok it needs no library"; bad=1; fi
exit $bad
