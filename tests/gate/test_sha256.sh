#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_sha256.sh - an upstream whose objects are named by SHA-256: mirror, clone, push, backups, as with SHA-1
set -u
dir='' base='' tokens='' port='' mirror='' gate=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
up=$dir/up
git init -q --object-format=sha256 "$up" 2>/dev/null || { echo "SKIP: this git has no SHA-256"; exit 77; }
commit "$up" one && commit "$up" two && git -C "$up" tag -a -m v1 v1 && git -C "$up" branch dev && git -C "$up" branch old
mirror=$base/p.git
run() { local verb=$1; shift; "$gate" "$verb" "$@" --base-path "$base"; }
tip() { git -C "$mirror" rev-parse -q --verify "$1"; }
up_tip() { git -C "$up" rev-parse "$1"; }

made() {
	run sync p --upstream "$up" --allow file --cache --cache-path "$dir/cache" && [ "$(tip main)" = "$(up_tip main)" ] &&
		[ "$(tip main | wc -c)" -eq 65 ] && [ "$(tip refs/tags/v1)" = "$(up_tip v1)" ] && git -C "$mirror" fsck --strict --no-dangling &&
		[ "$(git -C "$dir/cache/p" rev-parse HEAD)" = "$(up_tip main)" ] && run sync p --json | jq -e '.success and .applied == []'
}
is "a mirror of it is made, with its cache, and synced again" made
serve
url() { echo "http://$1@127.0.0.1:$port/p.git"; }
plain=$(token_of p t) bold=$(token_of p b --force --remove)
push() { g -C "$dir/c" push -q "$(url "$1")" "${@:2}"; }
served() {
	local version
	for version in 0 2; do
		rm -rf "$dir/c" && g -c protocol.version=$version clone -q "$(url "$plain")" "$dir/c" && same_as_mirror "$dir/c" &&
			commit "$dir/c" "more, $version" && push "$plain" main && same_as_mirror "$dir/c" || return
	done
	g clone -q --depth 1 "$(url "$plain")" "$dir/shallow" && same_as_mirror "$dir/shallow"
}
is "it is cloned and pushed to, protocols 0 and 2" served
held() {
	local was
	was=$(tip main)
	git -C "$dir/c" reset -q --hard HEAD~1 && commit "$dir/c" other && ! push "$plain" --force main 2>"$dir/out" &&
		grep -q "gate: refused refs/heads/main: it replaces history" "$dir/out" && [ "$(tip main)" = "$was" ] &&
		push "$bold" --force main 2>"$dir/out" && grep -q "gate: saved refs/terok/backup/main/" "$dir/out" &&
		same_as_mirror "$dir/c" && [ "$(run backups p --json | jq -r '.backups[0].sha')" = "$was" ] &&
		run restore p "$(run backups p --json | jq -r '.backups[0].ref')" && [ "$(tip main)" = "$was" ] || return
	git -C "$dir/c" reset -q --hard "$was" && mkdir -p "$dir/c/.github/workflows" && echo x >"$dir/c/.github/workflows/x.yml" &&
		commit "$dir/c" x && ! push "$plain" main 2>"$dir/out" && grep -q "needs a grant" "$dir/out"
}
is "what is pushed is looked at, what is displaced is kept and restored" held
noted() {
	run audit p --json | jq -se 'map(select(.what == "push" and .refs[0].result == "ok")) | length >= 3 and all(.refs[0].new | length == 64)'
}
is "... and noted" noted
pending() {
	git -C "$up" branch -q -D old && git -C "$up" checkout -q dev && git -C "$up" commit -q --amend -m other && git -C "$up" checkout -q main &&
		run sync p --json | jq -ce '[.pending[] | [.branch, .lossless]] == [["dev", true], ["old", true]]' &&
		run apply p dev old --json | jq -e .success && [ "$(tip dev)" = "$(up_tip dev)" ] && ! tip old &&
		run status p --json | jq -e '.mirror.branches == 2 and .mirror.pending == 0 and .mirror.staleness.gate_head == .mirror.last_commit'
}
is "what was rewritten and deleted upstream waits, and is applied" pending
other() {
	git init -q "$dir/one" && commit "$dir/one" one && ! run sync p --upstream "$dir/one" 2>"$dir/out" &&
		grep -q "p's upstream names its objects by SHA-1, the mirror by SHA-256; try: terok-gate sync p --force-reinit" "$dir/out" &&
		[ "$(wc -l <"$dir/out")" -le 2 ] && git -C "$mirror" fsck --strict --no-dangling &&
		run sync p --upstream "$dir/one" --force-reinit && [ "$(tip main)" = "$(git -C "$dir/one" rev-parse main)" ] &&
		! run sync p --upstream "$up" 2>"$dir/out" && grep -q "by SHA-256, the mirror by SHA-1" "$dir/out"
}
is "a mirror of the other kind is one clear error, and made anew when that is asked for" other
finish
