#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_serve.sh - the gate's server with real git and curl: who may come in, what is answered
#
# A server of a folder of its own at a port of its own; "statement N" is of the contract's list.
set -u
dir='' port='' base='' tokens='' server='' admin='' gate='' mirror='' connection=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

# --- who may -------------------------------------------------------------------------------

begin
project p
token=$(token_of p t) other=$(token_of q t)
at=http://127.0.0.1:$port
serve

code() { # WANT CURL-ARGS...
	local want=$1 got
	shift
	got=$(curl -s -g -m 20 --path-as-is -o "$dir/body" -D "$dir/head" -w '%{http_code}' "$@")
	[ "$got" = "$want" ] || { echo "$*: $got, not $want"; cat "$dir/head" "$dir/body"; return 1; }
}
has() { grep -qi "$1" "$dir/head" || { echo "no $1 in:"; cat "$dir/head"; return 1; }; }
basic() { printf 'Authorization: Basic %s' "$(printf '%s' "$1" | base64 -w0)"; }

routes() { # statement 7
	local path
	for path in / /p /p.git /p.git/ /p.git/config /p.git/objects/info/packs /x/p.git/HEAD \
		/x/../p.git/HEAD /%70.git/HEAD /p.git/info/refs/ "/p.git/HEAD%3f"; do
		code 404 "$at$path" || return
		code 404 -u "$token:" "$at$path" || return
	done
	code 404 -u "$admin:" "$at/..git/HEAD" && code 404 -u "$admin:" "$at/none.git/HEAD"
}
is "what is no route is 404, with a token or without" routes
methods() {
	local m
	for m in DELETE PUT OPTIONS PATCH BREW; do
		code 501 -X $m "$at/p.git/HEAD" && grep -q "Unsupported method ('$m')" "$dir/body" || return
	done
	code 501 -I "$at/p.git/HEAD"
}
is "other methods than GET and POST are 501" methods
login() { # statements 4, 8
	local value
	code 401 "$at/p.git/HEAD" && has '^WWW-Authenticate: Basic realm="terok gate"' && has '^Content-Type: text/plain' &&
		[ "$(cat "$dir/body")" = "Authentication required" ] || return
	for value in "Bearer $token" "Basic !!!" "Basic" "Basic $(printf %s "$token" | base64 -w0)" "Basic $(printf ':%s' "$token" | base64 -w0)" "Basic /zph"; do
		code 401 -H "Authorization: $value" "$at/p.git/HEAD" || return
	done
	code 401 -H "$(basic "$token:")" -H "$(basic "$token:")" "$at/p.git/HEAD" || return
	code 200 -H "$(basic "$token:")" "$at/p.git/HEAD" && code 200 -H "$(basic "$token:any thing: at all")" "$at/p.git/HEAD" &&
		code 200 -H "$(basic "$token:" | sed s/Basic/bAsIc/)" "$at/p.git/HEAD" &&
		[ "$(cat "$dir/body")" = "ref: refs/heads/main" ]
}
is "who is not who they should be is 401" login
forbidden() { # statements 8, 14
	code 403 -u "terok-g-00000000000000000000000000000000:" "$at/p.git/HEAD" &&
		code 403 -u "$other:" "$at/p.git/HEAD" && code 403 -u "$token:" "$at/q.git/HEAD" &&
		code 200 -u "$admin:" "$at/p.git/HEAD" && code 200 -u "$token:" "$at/p.git/HEAD"
}
is "a token is for its project, and the admin's for all" forbidden
lengths() { # statement 5: and no child for it
	local length
	for length in -5 abc 1x ''; do
		printf 'GET /p.git/HEAD HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %s\r\n\r\n' "$(basic "$token:")" "$length" |
			timeout 5 nc 127.0.0.1 $port | head -n 1 | grep -q '^HTTP/1.1 400 ' || { echo "length '$length'"; return 1; }
	done
}
is "a length that is no number is 400" lengths
one_connection() {
	local n
	n=$(curl -sv -u "$token:" "$at/p.git/HEAD" "$at/p.git/info/refs" "$at/none" "$at/p.git/HEAD" 2>&1 >/dev/null | grep -ci 're-using existing connection')
	[ "$n" -eq 3 ] || { echo "$n of 3"; return 1; }
}
is "one connection has many requests" one_connection
reloaded() { # statement 2
	local fresh
	fresh=$(token_of p later) && code 200 -u "$fresh:" "$at/p.git/HEAD" && "$gate" token revoke p later --token-file "$tokens" &&
		code 403 -u "$fresh:" "$at/p.git/HEAD"
}
is "a token is good from when it is made, until it is revoked" reloaded
quiet() { # statement 12
	: >"$dir/log"
	code 200 -u "$token:" "$at/p.git/HEAD" && [ ! -s "$dir/log" ] && code 404 "$at/%1b[31m" &&
		[ "$(wc -l <"$dir/log")" -eq 1 ] && ! grep -q "$token" "$dir/log" && code 403 -u "$other:" "$at/p.git/HEAD" && ! grep -q "$other" "$dir/log"
}
is "what is wrong is one line of the log, without a token, and the rest is none" quiet
malformed() { # a thousand, of which none ends it
	local i
	for i in $(seq 250); do
		head -c $((RANDOM % 400 + 1)) /dev/urandom
		printf '\r\n\r\n'
	done | split_send
	{
		printf 'GET / HTTP/9.9\r\n\r\n\0GET  /  HTTP/1.1\r\n\r\n\0GET /p.git/HEAD\r\n\r\n\0: HTTP/1.1\r\n\r\n\0'
		printf 'GET /p.git/HEAD HTTP/1.1\r\nHost: x\r\n continued\r\n\r\n\0GET /p.git/HEAD HTTP/1.1\r\nno colon\r\n\r\n\0'
		printf 'POST /p.git/git-upload-pack HTTP/1.1\r\nHost: x\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n\0' "$(basic "$token:")"
		printf 'POST /p.git/git-upload-pack HTTP/1.1\r\nHost: x\r\n%s\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n\0' "$(basic "$token:")"
	} >"$dir/bad"
	for i in $(seq 94); do
		while IFS= read -r -d '' text; do
			{ printf '%s' "$text" >&"$connection"; } 2>/dev/null
			reconnect
		done <"$dir/bad"
	done
	exec {connection}>&-
	code 200 -u "$token:" "$at/p.git/HEAD" && kill -0 "$server"
}
is "a thousand requests that are none do no harm" malformed
big_head() {
	code 431 -H "X: $(head -c 17000 /dev/zero | tr '\0' a)" -u "$token:" "$at/p.git/HEAD"
}
is "a head that is too big is 431" big_head

# --- git -----------------------------------------------------------------------------------

url=http://$token@127.0.0.1:$port/p.git
for version in 0 2; do
	git config --global protocol.version $version
	clone() { rm -rf "$dir/c" && g clone -q "$url" "$dir/c" && same_as_mirror "$dir/c"; }
	is "clone, protocol $version" clone
	shallow() { rm -rf "$dir/s" && g clone -q --depth 1 "$url" "$dir/s" && [ "$(g -C "$dir/s" rev-list --count HEAD)" -eq 1 ] && g -C "$dir/s" fetch -q --unshallow && same_as_mirror "$dir/s"; }
	is "shallow clone, and the rest of it, protocol $version" shallow
	push() { commit "$dir/c" small && g -C "$dir/c" push -q && same_as_mirror "$dir/c"; }
	is "a small push, protocol $version" push
	large() { head -c 5000000 /dev/urandom >"$dir/c/big$version" && commit "$dir/c" big && g -C "$dir/c" push -q && same_as_mirror "$dir/c"; }
	is "a push of 5 MB, which comes in chunks, protocol $version" large # statement 15
	fetch() { g -C "$dir/s" fetch -q && [ "$(g -C "$dir/s" rev-parse origin/main)" = "$(g -C "$mirror" rev-parse main)" ]; }
	is "fetch, protocol $version" fetch
	many() {
		local i
		for i in $(seq 500); do echo "create refs/heads/many$version/$i HEAD"; done | g -C "$dir/c" update-ref --stdin &&
			g -C "$dir/c" push -q origin "refs/heads/many$version/*:refs/heads/many$version/*" &&
			[ "$(g -C "$mirror" for-each-ref "refs/heads/many$version" | wc -l)" -eq 500 ]
	}
	is "a push of 500 branches, protocol $version" many
	wants() { # statement 10: a list of what is wanted that is long enough for git to gzip it
		local i
		rm -f "$dir/trace"
		for i in $(seq 60); do
			echo "create refs/heads/want$version/$i $(g -C "$dir/c" commit-tree -m "$i" -p HEAD 'HEAD^{tree}')"
		done | g -C "$dir/c" update-ref --stdin && g -C "$dir/c" push -q origin "refs/heads/want$version/*" &&
			GIT_TRACE_CURL=$dir/trace g -C "$dir/s" fetch -q origin "+refs/heads/*:refs/all/*" &&
			grep -qi 'content-encoding: gzip' "$dir/trace" && [ "$(g -C "$dir/s" for-each-ref "refs/all/want$version" | wc -l)" -eq 60 ]
	}
	is "a fetch with a list that git gzips, protocol $version" wants
done
crowded() { # more of a list than is ever kept; there are no tags yet
	local main n=140000
	main=$(git -C "$mirror" rev-parse main) && git -C "$mirror" pack-refs --all && cp "$mirror/packed-refs" "$dir/packed" || return
	awk -v id="$main" -v n=$n 'BEGIN { for (i = 0; i < n; i++) printf "%s refs/heads/crowd/%07d\n", id, i }' |
		cat - "$dir/packed" | grep -v '^#' | LC_ALL=C sort -k 2,2 >"$mirror/packed-refs"
	[ "$(g -c protocol.version=0 ls-remote "$url" 'refs/heads/crowd/*' | wc -l)" -eq $n ]
	local r=$?
	cp "$dir/packed" "$mirror/packed-refs"
	return $r
}
is "140,000 refs, protocol 0" crowded
partial() {
	rm -rf "$dir/b" && g clone -q --filter=blob:none "$url" "$dir/b" && same_as_mirror "$dir/b" &&
		git -C "$dir/b" rev-list --objects --all --missing=print | grep -q '^?' # what was not fetched
}
is "partial clone" partial
tags() { g -C "$dir/c" tag -a -m one v1 && g -C "$dir/c" push -q origin v1 && g ls-remote "$url" 'refs/tags/v1' | grep -q v1; }
is "a tag is pushed and seen" tags
lfs() {
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12\n' 1 >"$dir/c/file.bin" && commit "$dir/c" lfs &&
		g -C "$dir/c" push -q && [ "$(g -C "$mirror" cat-file -p main:file.bin | wc -l)" -eq 3 ]
}
is "a pointer file of LFS is a file" lfs
ours() { # statement 39: by no way that there is
	g -C "$mirror" update-ref refs/terok/backup/x main && g -C "$mirror" update-ref refs/terok/upstream/main main || return
	code 200 -u "$token:" "$at/p.git/info/refs" && grep -q 'refs/heads/main$' "$dir/body" && ! grep terok "$dir/body" &&
		! g -c protocol.version=0 ls-remote "$url" | grep terok && ! g -c protocol.version=2 ls-remote "$url" | grep terok &&
		! g -C "$dir/c" push -q origin HEAD:refs/terok/x && ! g -C "$mirror" rev-parse -q --verify refs/terok/x
}
is "refs of ours are neither seen nor pushed to" ours
noted() { # what was done above, a line each
	local new
	new=$(g -C "$mirror" rev-parse main)
	[ "$(stat -c %a "$base/audit.jsonl")" = 600 ] && ! grep -q "$token" "$base/audit.jsonl" || return
	jq -e . "$base/audit.jsonl" >/dev/null || return
	jq -se 'map(.what) | index("clone") != null and index("fetch") != null and index("push") != null' "$base/audit.jsonl" || return
	jq -se 'all(.project == "p" and .task == "t" and .outcome == "done" and .ms >= 0)' "$base/audit.jsonl" || return
	jq -se --arg new "$new" 'map(select(.what == "push" and .refs[0].ref == "refs/heads/main")) | last | .refs == [{ref: "refs/heads/main", old: .refs[0].old, new: $new, result: "ok"}] and .in > 100' "$base/audit.jsonl" || return
	jq -se 'map(select(.what == "push" and (.refs | length) == 256 and .more_refs == 244)) | length == 2' "$base/audit.jsonl" || return
	jq -se 'map(select(.what == "clone" and .out > 1000)) | length >= 3' "$base/audit.jsonl" || { jq -c '[.what, .out]' "$base/audit.jsonl"; false; } || return
	g -C "$dir/c" push -q origin +HEAD~1:main 2>/dev/null
	jq -se 'last | .what == "push" and .outcome == "done" and (.refs[0].result | startswith("pre-receive"))' "$base/audit.jsonl" || { tail -n 1 "$base/audit.jsonl"; false; }
}
is "each clone, fetch and push is noted, with its refs and what became of them" noted
told() { # the same for people
	local n
	n=$(wc -l <"$base/audit.jsonl")
	"$gate" audit --base-path "$base" --json | cmp - "$base/audit.jsonl" || return
	echo "{\"time\":\"2020-01-01T00:00:00Z\",\"what\":\"push\",\"project\":\"q\",\"task\":\"t\",\"refs\":[{\"ref\":\"refs/heads/\\u001b[2J\\u009b\",\"old\":\"$(printf '%040d' 0)\",\"new\":\"$(g -C "$mirror" rev-parse main)\",\"result\":\"ok\"}]}" >>"$base/audit.jsonl"
	"$gate" audit --audit "$base/audit.jsonl" >"$dir/body" && [ "$(grep -c ^20 "$dir/body")" -eq $((n + 1)) ] || return
	! LC_ALL=C grep -q '[^ -~]' "$dir/body" && grep -q '^    none -> [0-9a-f]\{12\}  refs/heads/?\[2J??  ok$' "$dir/body" || return
	[ "$("$gate" audit q --base-path "$base" --json | wc -l)" -eq 1 ] && [ "$("$gate" audit --since 1d --base-path "$base" --json | wc -l)" -eq "$n" ] || return
	sed -i '$d' "$base/audit.jsonl" && chmod 600 "$base/audit.jsonl"
}
is "it is shown to people, of a project, of a time, whatever refs are called" told
list() { code 200 -u "$token:" -H 'Git-Protocol: version=2' "$at/p.git/info/refs?service=git-upload-pack"; }
headers() { grep -vi '^date:\|^content-length:\|^transfer-encoding:' "$dir/head" | sort; }
known() { # what http-backend said first is given again, byte by byte, until something of it changes
	local try
	git -C "$mirror" config test.new 1 # so that it is too new to be kept
	list && cp "$dir/body" "$dir/first" && headers >"$dir/first.head" && has '^Transfer-Encoding: chunked' || return
	for try in $(seq 500); do # when the files are old enough
		list && cmp "$dir/body" "$dir/first" && headers | diff - "$dir/first.head" || return
		has '^Content-Length: ' >/dev/null && break
		read -rt 0.02 <> <(:) || :
	done
	has '^Content-Length: ' || return
	git -C "$mirror" config lsrefs.unborn ignore && list && has '^Transfer-Encoding: chunked' && ! cmp -s "$dir/body" "$dir/first" || return
	git -C "$mirror" config --unset lsrefs.unborn && list && cmp "$dir/body" "$dir/first" || return
	git -C "$mirror" config http.uploadpack false
	code 403 -u "$token:" -H 'Git-Protocol: version=2' "$at/p.git/info/refs?service=git-upload-pack" || return
	git -C "$mirror" config --unset http.uploadpack && mv "$mirror/objects" "$mirror/elsewhere"
	code 404 -u "$token:" -H 'Git-Protocol: version=2' "$at/p.git/info/refs?service=git-upload-pack"
	local r=$?
	mv "$mirror/elsewhere" "$mirror/objects"
	return $r
}
is "what git says first is kept until anything of it changes" known
fsck() { g -C "$mirror" fsck --strict --no-dangling; }
is "the mirror is whole after all of that" fsck

finish
