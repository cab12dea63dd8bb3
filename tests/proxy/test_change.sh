#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_change.sh - what others change while the proxy serves holds for the next request
#
# A store, routes and ports of its own (serve.bash); requests without a pause are changes.py's.
set -u
dir='' port='' plain='' routes='' proxy='' here='' server=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
echo '{"changes": {"upstream": "http://localhost:'"$plain"'"}}' >"$routes"
credential changes '{"type":"api_key","key":"old"}'
token=$(token changes)
serve
changes() {
	local what=$1
	shift
	timeout 60 python3 "$here/changes.py" "$what" "$port" "$@"
}

revoked() {
	local i tokens=()
	for i in 1 2 3 4 5 6 7 8; do tokens+=("$(token changes)"); done
	changes revoke "$proxy" "${tokens[@]}"
}
is "a token that is used all the time is none when revoke has returned" revoked
is "a credential is the new one when set has returned" changes credential "$proxy" "$token"
is "routes are the new ones when their file has its name" changes routes "$server" "$routes" "$token"
rotated() { # it gave up the file of the key, and cannot know the new one
	code 200 "$token" /echo && "$proxy" store rotate && code 200 "$token" /echo || return
	"$proxy" store rotate --new-key | grep -q 'terok-proxy stop; terok-proxy start' || return
	code 503 "$token" /echo && body 'Credential store is locked' && grep -q 'another key than we began with; try: terok-proxy stop' "$dir/log" || return
	serve && code 200 "$token" /echo
}
is "a store with another key is said so, with what to do" rotated
finish
