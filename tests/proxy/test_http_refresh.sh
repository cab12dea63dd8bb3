#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_refresh.sh - OAuth's tokens are made new: before they end, and when an upstream refuses one
#
# The upstream takes one access token and one refresh token, which is good once.
set -u
dir='' port='' tls='' routes='' here='' audit='' server='' upstream=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
up=https://localhost:$tls
echo '{"o": {"upstream": "'"$up"'", "oauth_refresh": {"token_url": "'"$up"'/token", "client_id": "the-id", "scope": "s"}}, "n": {"upstream": "'"$up"'"}}' >"$routes"
# fresh EXPIRES: a credential whose access token is refused, and that can be refreshed
fresh() {
	echo access-2 >"$dir/up/good" && echo refresh-1 >"$dir/up/refresh" && rm -f "$dir/up/refreshed" &&
		credential o '{"type":"oauth","access_token":"access-1","refresh_token":"refresh-1","expires_at":'"$1"',"more":"kept"}'
}
fresh 4102444800
t=$(token o)
serve --log-level DEBUG
refused() {
	code 200 "$t" /new -d 'a body' && body good && [ "$(jq -cS . "$dir/up/refreshed")" = '{"client_id":"the-id","grant_type":"refresh_token","refresh_token":"refresh-1","scope":"s"}' ] &&
		code 200 "$t" /new && [ "$(wc -l <"$dir/up/refreshed")" = 1 ]
}
is "a token that is refused is refreshed, and the request sent again with its body" refused
failed() {
	serve && fresh 4102444800 && echo else >"$dir/up/refresh" && code 401 "$t" /new && body old && code 401 "$t" /new &&
		[ "$(wc -l <"$dir/up/refreshed")" = 1 ] && grep -q 'not refreshed: status 400' "$dir/log" && code 200 "$t" /echo && saw 'Bearer access-1'
}
is "a refresh that fails leaves the credential, and is not tried at each request" failed
once() {
	local i
	serve && fresh 4102444800 || return
	for i in $(seq 8); do curl -s -m 20 -o "$dir/body$i" -H "Authorization: $t" "http://127.0.0.1:$port/new" & done
	wait $(jobs -p | grep -vx "$server\|$upstream")
	[ "$(wc -l <"$dir/up/refreshed")" = 1 ] && [ "$(cat "$dir"/body[1-8])" = goodgoodgoodgoodgoodgoodgoodgood ]
}
is "requests that are refused at the same time refresh once" once
locked() {
	local file
	serve && fresh 4102444800 && file=$(ls "$dir"/x/terok/vault/locks/refresh-default-*-o-*.lock) && flock "$file" true || return
	exec 8<>"$file" && flock 8 && code 401 "$t" /new && body old && [ ! -e "$dir/up/refreshed" ]
	local r=$?
	exec 8>&-
	return $r
}
is "who finds the lock taken does not refresh" locked
soon() {
	fresh $(($(date +%s) + 60)) && serve && until_there "$dir/up/refreshed" && code 200 "$t" /new && fresh $(($(date +%s) + 3600)) && serve && code 200 "$t" /echo && saw 'Bearer access-1' && [ ! -e "$dir/up/refreshed" ]
}
is "what ends within ten minutes is refreshed at the start, and nothing else is" soon
others() {
	credential n '{"type":"oauth","access_token":"access-1","refresh_token":"refresh-1"}' && fresh 4102444800 && code 401 "$(token n)" /new && [ ! -e "$dir/up/refreshed" ]
}
is "without a way in its route nothing is refreshed" others
quiet() { ! grep -qa 'access-[12]\|refresh-[12]' "$dir/log" "$audit"; }
is "no byte of them is in the log or the audit" quiet
finish
