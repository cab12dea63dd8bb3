#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_refresh.sh - OAuth's tokens are made new: before they end, and when an upstream refuses one
#
# The upstream takes one access token and one refresh token, which is good once.
set -u
dir='' port='' tls='' routes='' here='' audit='' server='' upstream='' proxy=''
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
stored() { "$proxy" credential list >/dev/null && python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT data FROM credentials WHERE provider = ?", ("o",)).fetchone()[0])' "$dir/c/credentials.db"; }
says() { # STATUS BODY: what the token's URL says from now on
	printf '%s %s' "$1" "$2" >"$dir/up/answer"
}
old_stays() { # statement 69: whatever is said that is no token leaves all of the credential
	local status said before n
	while read -r status said; do
		fresh 4102444800 && serve && before=$(stored) && [ -n "$before" ] && says "$status" "$said" && code 401 "$t" /new && body old && [ "$(wc -l <"$dir/up/refreshed")" = 1 ] &&
			[ "$(stored)" = "$before" ] && code 200 "$t" /echo && saw 'Bearer access-1' || { echo "after $status $said"; return 1; }
	done <<-E
		400 {"error":"invalid_grant"}
		500 access-2
		200
		200 {}
		200 []
		200 {"access_token":""}
		200 {"access_token":7}
		200 {"access_token":"access-2"
		200 {"access_token":null,"refresh_token":"refresh-2"}
		200 "access-2"
		200 <html>access-2</html>
		201 {"access_token":"access-2"}
		302 {"access_token":"access-2"}
	E
	n=$(head -c 70000 /dev/zero | tr '\0' a) && fresh 4102444800 && serve && before=$(stored) && says 200 '{"access_token":"'"$n"'"}' && code 401 "$t" /new && [ "$(stored)" = "$before" ]
}
is "whatever is no token leaves the credential as it was" old_stays
kept_fields() { # statement 69: no refresh_token in the reply: the old one stays, and so does every other field
	says 200 '{"access_token":"access-2","expires_in":7200}' && echo access-2 >"$dir/up/good" && rm -f "$dir/up/refreshed" &&
		credential o '{"type":"oauth","more":"kept","access_token":"access-1","refresh_token":"refresh-1","expires_at":4102444800,"list":[1,{"a":"b"}],"beta_header":"b-1","scopes":"x y","refresh_token_expires_at":5}' &&
		serve && code 200 "$t" /new && body good || return
	# the one that is asked with next is the old one; the other fields are seen by a refresh that shows them, and by what is sent
	code 200 "$t" /echo && saw 'Bearer access-2' && saw '^anthropic-beta: b-1' && rm -f "$dir/up/refreshed" && echo access-3 >"$dir/up/good" && says 200 '{"access_token":"access-3"}' && serve &&
		code 200 "$t" /new && body good && [ "$(jq -r .refresh_token "$dir/up/refreshed")" = refresh-1 ] && code 200 "$t" /echo && saw 'Bearer access-3' && saw '^anthropic-beta: b-1'
	local r=$?
	rm -f "$dir/up/answer"
	return $r
}
is "a reply without a refresh token keeps the old one, and what else is there" kept_fields
rotated() { # ... and one with a new one has that asked with next
	fresh 4102444800 && echo access-2 >"$dir/up/good" && serve && code 200 "$t" /new && body good && rm -f "$dir/up/refreshed" && echo access-3 >"$dir/up/good" &&
		says 200 '{"access_token":"access-3","refresh_token":"refresh-3","token_type":"Bearer","other":1}' && serve && code 200 "$t" /new && body good && [ "$(jq -r .refresh_token "$dir/up/refreshed")" = refresh-2 ]
	local r=$?
	rm -f "$dir/up/answer"
	return $r
}
is "a new refresh token is what is asked with next" rotated
# meanwhile COMMAND...: while what a refresh asked for is on its way
meanwhile() {
	fresh 4102444800 && touch "$dir/up/hold" && serve && : >"$dir/log" || return
	curl -s -m 20 -o "$dir/late" -H "Authorization: $t" "http://127.0.0.1:$port/new" &
	local asks=$! r=0
	until_there "$dir/up/refreshed" && "$@" || r=1
	rm -f "$dir/up/hold"
	timeout 10 sh -c 'echo go >"$1"' sh "$dir/up/go" || r=1
	wait $asks
	[ $r = 0 ] && [ "$(cat "$dir/up/good")" = access-2 ] && grep -q 'not refreshed: .*changed meanwhile' "$dir/log"
}
replaced() { # what somebody has said while the upstream made new tokens of the old ones
	local newer='{"type":"oauth","access_token":"access-9","refresh_token":"refresh-9","expires_at":4102444800,"of":"somebody"}'
	meanwhile credential o "$newer" && code 200 "$t" /echo && saw 'Bearer access-9' && didnt access-2 &&
		serve && code 200 "$t" /echo && saw 'Bearer access-9' && rm -f "$dir/up/refreshed" && echo refresh-9 >"$dir/up/refresh" && echo none >"$dir/up/good" &&
		code 200 "$t" /new && body good && [ "$(jq -r .refresh_token "$dir/up/refreshed")" = refresh-9 ]
}
is "a credential that was replaced while its refresh was on its way is not written over" replaced
deleted() { meanwhile "$proxy" credential delete o && ! "$proxy" credential list | grep -q '\bo\b' && code 502 "$t" /echo; }
is "one that was deleted meanwhile does not come back" deleted
limit() { # a newer one that is refused as well ends it: sent twice, not for ever
	fresh 4102444800 && echo none >"$dir/up/good" && says 200 '{"access_token":"access-2"}' && serve && : >"$dir/up/seen" && code 401 "$t" /new -m 5 -d x && body old && [ "$(grep -ac '^POST /new ' "$dir/up/seen")" = 2 ]
	local r=$?
	rm -f "$dir/up/answer"
	return $r
}
is "a new token that is refused as well is not sent for ever" limit
quiet() { ! grep -qa 'access-[123]\|refresh-[123]' "$dir/log" "$audit"; }
is "no byte of them is in the log or the audit" quiet
finish
