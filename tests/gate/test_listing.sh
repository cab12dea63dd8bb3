#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_listing.sh - a list of refs that is known is told without a git, and never an old one
#
# What the server's own children cost is the witness: one that was not begun has no page faults.
set -u
dir='' port='' base='' tokens='' server='' admin='' gate='' mirror='' connection=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
project p
token=$(token_of p t --push '**')
serve
url=http://$token:x@127.0.0.1:$port/p.git

ask() { g -c protocol.version="${1:-2}" ls-remote "$url" "${@:2}" >"$dir/list" 2>"$dir/err" || { cat "$dir/err"; return 1; }; }
faults() { awk '{ print $11 }' "/proc/$server/stat"; } # of children that have ended
truth() { g -C "$mirror" show-ref --head --dereference | sed 's/ /\t/' >"$dir/truth"; }
true_now() {
	truth
	ask && cmp "$dir/list" "$dir/truth"
}
# known: until a list begins no git; files are looked at as new for two seconds
known() {
	local before until=$((SECONDS + 20))
	while [ $SECONDS -lt $until ]; do
		before=$(faults)
		ask "$@" || return
		[ "$before" != "$(faults)" ] || return 0
	done
	echo "it is never known"
	return 1
}

told() {
	known 2 && truth && cmp "$dir/list" "$dir/truth" && known 2 refs/heads/main && [ "$(wc -l <"$dir/list")" -eq 1 ]
}
is "a list that was asked before begins no git, and is the same" told

head_of() { g -C "$mirror" rev-parse "$1"; }
# changes WHAT COMMAND...: the next list says what it did
changes() {
	known && truth && cmp "$dir/list" "$dir/truth" && "${@:2}" && true_now
}
overwrite() { head_of main~1 >"$mirror/$1"; } # in its place, as no git does
onto() { mkdir -p "$mirror/refs/heads/x/y" && head_of main >"$mirror/refs/heads/x/y/z" && mv "$mirror/refs/heads/x" "$mirror/refs/heads/w"; }
packed_in_place() { sed -i.old "s:^[0-9a-f]* refs/tags/v1\$:$(head_of main~2) refs/tags/v1:" "$mirror/packed-refs" && rm "$mirror/packed-refs.old"; }
push() { g -C "$dir/src-p" push -q "$url" "$@"; }
is "a new ref is in the next list" changes new g -C "$mirror" update-ref refs/heads/one main
is "one that moved" changes moved g -C "$mirror" update-ref refs/heads/one main~1
is "one in a folder of its own" changes deep g -C "$mirror" update-ref refs/heads/a/b/c main
is "one that was pushed" changes pushed push HEAD:refs/heads/pushed
is "a tag of its own" changes tag g -C "$mirror" tag -a -m x v0 main
is "one that went" changes gone g -C "$mirror" update-ref -d refs/heads/one
is "one whose file was written in its place" changes written overwrite refs/heads/a/b/c
is "another HEAD" changes other g -C "$mirror" symbolic-ref HEAD refs/heads/pushed
g -C "$mirror" tag v1 main
is "all of them packed" changes packed g -C "$mirror" pack-refs --all
is "packed refs that were changed" changes repacked packed_in_place
is "folders that moved" changes folders onto

hides() {
	known && g -C "$mirror" config transfer.hideRefs refs/tags && ask && ! grep -q refs/tags "$dir/list" &&
		known && ! grep -q refs/tags "$dir/list" && g -C "$mirror" config --unset transfer.hideRefs && true_now
}
is "what configuration hides is hidden in the next" hides

others() {
	local other
	project q
	other=$(token_of q t)
	known && g ls-remote "http://$other:x@127.0.0.1:$port/q.git" >"$dir/q" || return
	mirror=$base/p.git
	! cmp -s "$dir/q" "$dir/list" && ! g ls-remote "http://$other:x@127.0.0.1:$port/p.git" 2>"$dir/err" && grep -q 403 "$dir/err"
}
is "a list is of its project, and for who may have it" others

many() {
	local i
	for i in $(seq 600); do printf 'create refs/many/%d %s\n' "$i" "$(head_of main)"; done | g -C "$mirror" update-ref --stdin || return
	true_now && true_now && g -C "$mirror" update-ref -d refs/many/600 && true_now || return
	for i in $(seq 599); do printf 'delete refs/many/%d\n' "$i"; done | g -C "$mirror" update-ref --stdin
}
is "more refs than are looked at are asked of git" many

linked() {
	head_of main~1 >"$mirror/there" && ln -s "$mirror/there" "$mirror/refs/heads/away" && ask && ask &&
		grep -q "^$(head_of main~1).refs/heads/away" "$dir/list" && head_of main~2 >"$mirror/there" && ask &&
		grep -q "^$(head_of main~2).refs/heads/away" "$dir/list"
	local r=$?
	rm "$mirror/refs/heads/away"
	return $r
}
is "a ref behind a link is asked of git" linked

slowly() { # a request that comes in pieces, one that never ends, and the connection goes on
	local body n
	body=$(printf '0014command=ls-refs\n0016object-format=sha1%s' 0001)0009peel$'\n'000csymrefs$'\n'0000
	n=${#body}
	known || return
	reconnect
	printf 'POST /p.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nGit-Protocol: version=2\r\nContent-Type: application/x-git-upload-pack-request\r\nContent-Length: %d\r\n\r\n%s' \
		"$(printf '%s:' "$token" | base64 -w0)" "$n" "${body:0:30}" >&"$connection"
	printf '%s' "${body:30}" >&"$connection"
	local line
	read -rt 10 line <&"$connection" && [[ $line = *" 200 "* ]] || { echo "said: $line"; return 1; }
	reconnect
	printf 'POST /p.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nGit-Protocol: version=2\r\nContent-Length: %d\r\n\r\n0014' \
		"$(printf '%s:' "$token" | base64 -w0)" "$n" >&"$connection"
	exec {connection}>&-
	connection=
	ask && kill -0 "$server"
}
is "a request in pieces, and one that is cut" slowly

short() { # neither is a list; git says what it thinks of them
	curl -s -m 20 -o "$dir/body" -w '%{http_code}' -u "$token:" -H 'Git-Protocol: version=2' -H 'Content-Type: application/x-git-upload-pack-request' \
		--data-binary '0014command=nothing0000' "http://127.0.0.1:$port/p.git/git-upload-pack" >"$dir/code"
	grep -qE '^(200|500)$' "$dir/code" && known
}
is "a short request that is for no list is git's" short

plain() { ask 0 && truth && cmp "$dir/list" "$dir/truth" && g clone -q "$url" "$dir/c" && g -C "$dir/c" fetch -q; }
is "protocol 0, a clone and a fetch are as before" plain

ends() {
	kill "$server" && wait "$server"
	local r=$?
	server=
	return $r
}
is "it ends as it should" ends
finish
