#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_serve_push.sh - pushes by HTTP to a gate's server: what a token may, what its git is told, who is asked
#
# What is refused and why is test_push.c's; here it comes through server and http-backend.
set -u
dir='' base='' tokens='' port='' mirror='' gate=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
project p
export XDG_RUNTIME_DIR=$dir/run
mkdir -m 0700 "$XDG_RUNTIME_DIR"
serve

url() { echo "http://$1@127.0.0.1:$port/p.git"; }
clone() { rm -rf "$dir/c" && g clone -q "$(url "$1")" "$dir/c"; }
as() { g -C "$dir/c" remote set-url origin "$(url "$1")"; }
push() { g -C "$dir/c" push origin "$@"; }
tip() { g -C "$mirror" rev-parse -q --verify "$1"; }
# refused TEXT COMMAND...: it fails, by itself, and says so
refused() {
	local text=$1 rc
	shift
	"$@" >"$dir/out" 2>&1
	rc=$?
	[ $rc -ne 0 ] && [ $rc -ne 124 ] || { echo "not refused (exit $rc): $*"; cat "$dir/out"; return 1; }
	grep -qF -- "$text" "$dir/out" || { echo "not said: $text"; cat "$dir/out"; return 1; }
}

plain=$(token_of p t) reads=$(token_of p r --read-only) bold=$(token_of p b --force --remove)
agent=$(token_of p a --push 'agent/**') boxed=$(token_of p x --container box) trusted=$(token_of p w --workflows)

may() {
	clone "$plain" && commit "$dir/c" one && push -q main && same_as_mirror "$dir/c" &&
		as "$reads" && g -C "$dir/c" fetch -q && refused 403 push main:x &&
		as "$agent" && push -q main:agent/x && refused "gate: refused refs/heads/y: this token is for agent/**" push main:y &&
		as "$boxed" && refused 403 g -C "$dir/c" fetch
}
is "a token does what it may, and its git is told what it may not" may
forced() { # statements 16, 40
	local old
	clone "$plain" && commit "$dir/c" two && push -q main && old=$(tip main) &&
		git -C "$dir/c" reset -q --hard HEAD~1 && commit "$dir/c" three &&
		refused "gate: refused refs/heads/main: it replaces history" push --force main &&
		refused "--remove" push --delete agent/x && [ "$(tip main)" = "$old" ] &&
		as "$bold" && push --force main 2>"$dir/out" &&
		grep -q "remote: gate: saved refs/terok/backup/main/" "$dir/out" && same_as_mirror "$dir/c" &&
		push -q --delete agent/x && ! tip agent/x &&
		[ "$(g -C "$mirror" for-each-ref --points-at "$old" refs/terok/backup/main/ | wc -l)" -eq 1 ]
}
is "history is replaced, and branches go, by who may; what they were is kept" forced
hidden() { # statement 39
	local version
	for version in 0 2; do
		! g -c protocol.version=$version ls-remote "$(url "$bold")" | grep refs/terok || return
		refused rejected g -c protocol.version=$version -C "$dir/c" push origin main:refs/terok/upstream/x || return
	done
}
is "refs of the gate are neither seen nor pushed, protocols 0 and 2" hidden
content() {
	clone "$plain" && mkdir -p "$dir/c/.github/workflows" && echo x >"$dir/c/.github/workflows/ci.yml" && commit "$dir/c" ci &&
		refused "which needs a grant" push main && as "$trusted" && push -q main && same_as_mirror "$dir/c" &&
		as "$plain" && ln -s /etc/passwd "$dir/c/l" && commit "$dir/c" l && refused "is a symlink to an absolute path" push main
}
is "what is in commits is looked at" content
soon() { # statement 2
	local token
	token=$(token_of p soon) && clone "$token" && commit "$dir/c" soon && push -q main &&
		"$gate" token revoke p soon --token-file "$tokens" && refused 403 push main:soon &&
		refused 403 g -C "$dir/c" fetch && clone "$plain"
}
is "a token that is revoked is none at the next request" soon
made_url() { # statement 93
	local token
	token=$("$gate" token create p u --token-file "$tokens" --url) && [[ $token == http://terok-g-[0-9a-f]*@host.containers.internal:9418/p.git ]] && clone "$(sed 's|.*//||; s|@.*||' <<<"$token")" &&
		"$gate" token create p u --token-file "$tokens" --url --json | jq -e '.url == "http://" + .token + "@host.containers.internal:9418/p.git"'
}
is "a token is made with the URL to clone from" made_url
policy() {
	echo '{"protected": ["main"]}' >"$base/p.policy.json" && chmod 600 "$base/p.policy.json" &&
		clone "$bold" && commit "$dir/c" p && refused "it is protected (main)" push main &&
		echo '{"protekted": ["main"]}' >"$base/p.policy.json" && ! push main && g -C "$dir/c" fetch -q &&
		rm "$base/p.policy.json" && push -q main
}
is "a policy holds from the next push on; one that is wrong lets nobody push" policy

# --- asked ---------------------------------------------------------------------------------

clearance=$B/terok-clearance hub='' helper=''
leave() {
	[ -z "$hub$helper" ] || kill $hub $helper 2>/dev/null
	cleanup
}
trap leave EXIT
session() {
	"$clearance" serve-verdict --shield /bin/false 2>"$dir/helper.log" </dev/null >/dev/null &
	helper=$!
	"$clearance" serve --history-days 0 2>"$dir/hub.log" </dev/null >/dev/null &
	hub=$!
	until grep -q 'verdicts at' "$dir/helper.log" && grep -q 'clients at' "$dir/hub.log"; do
		kill -0 $hub && kill -0 $helper || return
		read -rt 0.02 <> <(:) || :
	done
}
# asks ANSWER: a push that needs a grant, in the background; a person answers
asks() {
	local pid id='' rc
	push main >"$dir/out" 2>&1 &
	pid=$!
	until id=$("$clearance" list --json --socket "$XDG_RUNTIME_DIR/terok-clearance.sock" | grep -o '"request_id":"push-[0-9a-f]*"' | cut -d'"' -f4) && [ -n "$id" ]; do
		kill -0 $pid || { cat "$dir/out"; return 9; }
	done
	"$clearance" "$1" "$id" --socket "$XDG_RUNTIME_DIR/terok-clearance.sock" || return 8
	wait $pid
	rc=$?
	cat "$dir/out"
	return $rc
}
asked() {
	echo '{"ask_seconds": 60}' >"$base/p.policy.json" && chmod 600 "$base/p.policy.json" &&
		clone "$plain" && echo y >"$dir/c/.github/workflows/ci.yml" && commit "$dir/c" ci &&
		refused "nobody was asked" push main && session && asks allow && same_as_mirror "$dir/c" &&
		grep -q "allowed by the operator" "$dir/out" && echo z >"$dir/c/.github/workflows/ci.yml" && commit "$dir/c" ci &&
		{ asks deny; [ $? -eq 1 ]; } && grep -q "the operator said no" "$dir/out" && ! same_as_mirror "$dir/c"
}
is "a refused push asks a person, and is taken or not as they say" asked
whole() { g -C "$mirror" fsck --strict --no-dangling; }
is "the mirror is whole after all of that" whole

finish
