#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_mirror_races.sh - what a killed git leaves, pushes in between, two at once, no room, many branches
# shellcheck disable=SC2154 # they are of mirror.sh
. "$(dirname "$0")/mirror.sh"

scene

# --- what else a killed git leaves ---------------------------------------------------------------

again
touch "$mirror/refs/heads/dev.lock" "$mirror/packed-refs.lock" "$mirror/HEAD.lock" "$mirror/config.lock" \
	"$mirror/objects/pack/tmp_pack_abcdef"
mkdir -p "$mirror/objects/tmp_objdir-incoming-abcdef/pack"
commit "$up" more
has "lock files and packs of nobody's are removed" "$(json '[.success, .notes[0]]')" '[[]true,"6 files of a git that was killed are removed*'
is "... all of them" "$(find "$mirror" -name '*.lock' -o -name 'tmp_*' | wc -l)" 0
mkdir -p "$dir/busy"
# who works in the mirror: its locks are its own
cp "$(command -v sleep)" "$dir/busy/git"
(cd "$mirror" && exec "$dir/busy/git" 1000) &
pusher=$!
until [ "$(cat /proc/$pusher/comm 2>/dev/null)" = git ]; do sleep 0.02; done
touch "$mirror/refs/heads/dev.lock"
start=$SECONDS
has "a lock of a git that works there is left to it" "$(json '[.success, .notes[0]]')" '[[]true,"*is locked by a git that works in it*'
is "... and waited for" $((SECONDS - start >= 9)) 1
(sync >"$dir/said2" 2>&1) &
syncing=$!
kill $pusher
wait $pusher 2>/dev/null
wait $syncing
is "... until it ends" "$([ -e "$mirror/refs/heads/dev.lock" ] || echo gone)" gone
clear_between

# --- raced ---------------------------------------------------------------------------------------

scene
git -C "$up" checkout -q dev
commit "$up" "the upstream's"
git -C "$up" checkout -q trunk
agent a
git -C "$dir/a" checkout -q dev
commit "$dir/a" "pushed between"
printf '#!/bin/sh\ngit -C "%s/a" push -q origin dev\n' "$dir" >"$dir/between/race"
chmod +x "$dir/between/race"
with_between sync p --json >"$dir/said" 2>&1
is "a push between looking and changing is not lost" "$(tip "$mirror" dev)" "$(tip "$dir/a" dev)"
has "... and is told" "$(jq -c '[.success, ([.notes[] | select(startswith("branch dev is left"))] | length), [.applied[].branch]]' "$dir/said")" \
	'[[]true,1,[[]"new","trunk"]]'
is "... and waits the next time" "$(json '.pending[] | select(.branch == "dev") | .reason')" unknown_provenance
commit "$dir/a" "pushed between again"
printf '#!/bin/sh\ngit -C "%s/a" push -q origin dev\n' "$dir" >"$dir/between/race"
chmod +x "$dir/between/race"
with_between apply p --json >"$dir/said" 2>&1
is "the same when it is applied: that one fails alone" "$(jq -c '[.success, (.errors | length)]' "$dir/said") $(tip "$mirror" dev)" \
	"[false,1] $(tip "$dir/a" dev)"
"$gate" apply p dev old rewritten worked >/dev/null
is "... and a second time it goes" "$(tip "$mirror" dev)" "$(tip "$up" dev)"
clear_between

# --- two at once ---------------------------------------------------------------------------------

commit "$up" five
mkfifo "$dir/between/go"
echo fetch >"$dir/between/wait"
with_between sync p >"$dir/first" 2>&1 &
first=$!
until [ -e "$dir/between/waits" ]; do kill -0 $first || break; sleep 0.02; done
has "a second one names the first" "$(sync --wait 0)" '*terok-gate sync, process *is at work on p still*'
sync --wait 30 >"$dir/second" &
second=$!
until grep -q "waiting, 30 seconds at most" "$dir/second" || ! kill -0 $second; do sleep 0.02; done
echo go >"$dir/between/go"
wait $first && wait $second && ok "... or waits for it, and says so" || not_ok "... or waits for it, and says so" "$(cat "$dir/first" "$dir/second")"
is "... and both did what was to be done" "$(tip "$mirror" trunk)" "$(tip "$up" trunk)"
for verb in "apply p" "backups p --prune 1" "restore p refs/terok/backup/a/20200101T000000Z-000000000000"; do
	# shellcheck disable=SC2086
	said=$(flock "$base/p.lock" "$gate" $verb --wait 0 2>&1)
	[[ $said == *"is at work on p still"* ]] || not_ok "$verb waits as well" "$said"
done
ok "whoever changes it holds the lock"
start=$SECONDS
said=$(flock "$base/p.lock" "$gate" apply p --wait 2 2>&1)
has "waiting has an end" "$((SECONDS - start < 10)) $said" '1 *waiting, 2 seconds at most*still*'

# --- pushes, syncs and an upstream that goes on, all at once ---------------------------------------

new_up
new_gate
work() { # work NAME: push until 10 are in; each that was acknowledged is noted
	local name=$1 n=0
	git clone -q "$mirror" "$dir/w-$name" 2>/dev/null
	git -C "$dir/w-$name" checkout -q dev
	while [ $n -lt 10 ]; do
		git -C "$dir/w-$name" fetch -q origin 2>/dev/null
		git -C "$dir/w-$name" reset -q --hard origin/dev
		echo $n >"$dir/w-$name/$name"
		git -C "$dir/w-$name" add "$name"
		git -C "$dir/w-$name" commit -qm "$name $n"
		git -C "$dir/w-$name" push -q origin dev 2>/dev/null || continue
		tip "$dir/w-$name" HEAD >>"$dir/pushed"
		n=$((n + 1))
	done
}
git clone -q "$up" "$dir/up2"
git -C "$dir/up2" checkout -q dev
git -C "$up" config receive.denyCurrentBranch ignore
workers=
for name in one two three; do
	work $name &
	workers="$workers $!"
done
syncs=0 failed=0
while kill -0 $workers 2>/dev/null; do # until all have ended
	git -C "$dir/up2" commit -q --allow-empty -m "the upstream's $syncs"
	[ $((syncs % 4)) != 3 ] || git -C "$dir/up2" commit -q --amend --allow-empty -m "rewritten $syncs"
	git -C "$dir/up2" push -q -f origin dev
	sync >"$dir/said" || { failed=$((failed + 1)); cat "$dir/said"; }
	[ $((syncs % 3)) != 2 ] || timeout 60 "$gate" apply p >"$dir/said" 2>&1
	syncs=$((syncs + 1))
done
wait
lost=0
while read -r sha; do
	[ -n "$(git -C "$mirror" for-each-ref --contains "$sha" refs/heads refs/terok/backup)" ] || lost=$((lost + 1))
done <"$dir/pushed"
is "of $(wc -l <"$dir/pushed") pushes beside $syncs syncs none is lost" "$lost" 0
is "... no sync failed, and the mirror is sound" "$failed $(git -C "$mirror" fsck --connectivity-only 2>&1 | grep -c 'error\|missing')" "0 0"

# --- no room -------------------------------------------------------------------------------------

if unshare -rm true 2>/dev/null; then
	export -f sync json is has ok not_ok commit tip seen agent
	export gate up base mirror dir
	unshare -rm bash -c '
		bad=0
		mkdir -p "$base.small" && mount -t tmpfs -o size=4m,mode=700 none "$base.small"
		base=$base.small mirror=$base/p.git
		sync() { timeout 120 "$gate" sync p --base-path "$base" "$@" 2>&1; }
		json() { local f=$1; shift; sync --json "$@" | grep "^{" | jq -cr "$f"; }
		rm -rf "$up" && git init -q "$up" && commit "$up" one
		is "there is room for a small one" "$(json .success --upstream "$up" --allow file)" true
		was=$(seen)
		head -c 8000000 /dev/urandom >"$up/big" && git -C "$up" add big && commit "$up" big
		has "a full disk is an error" "$(json "[.success, .errors[0]]")" "*false*No space left on device*"
		is "... that leaves the mirror as it was" "$(seen)" "$was"
		is "... and sound" "$(git -C "$mirror" fsck 2>&1 | grep -c error)" 0
		is "... and nothing of what it fetched" "$(find "$mirror" -name "tmp_*" -o -name "*.lock" | wc -l)" 0
		before=$(df --output=avail "$base" | tail -1)
		sync >/dev/null; sync >/dev/null
		is "... however often" "$(($(df --output=avail "$base" | tail -1) + 100 >= before))" 1
		has "a new mirror is not left half" "$("$gate" sync q --base-path "$base" --upstream "$up" --allow file --json 2>/dev/null | jq -c .success; ls -A "$base" | grep -c "q.git\|new")" "$(printf "false\n0")"
		mount -o remount,size=64m "$base"
		is "with room it goes on" "$(json .success) $(tip "$mirror" main)" "true $(tip "$up" main)"
		exit $bad' || bad=1
else
	echo "SKIP a full disk: no user namespaces here"
fi

# --- many ----------------------------------------------------------------------------------------

rm -rf "$dir/state"
new_up
git -C "$up" rev-parse main >"$dir/sha"
awk -v sha="$(cat "$dir/sha")" 'BEGIN { for (i = 0; i < 10000; i++) print "create refs/heads/many/" i " " sha }' >"$dir/many"
git -C "$up" update-ref --stdin <"$dir/many"
git -C "$up" pack-refs --all
start=${EPOCHREALTIME/./}
is "10,000 branches are made" "$(json '.applied | length' --upstream "$up" --allow file)" 10003
made=${EPOCHREALTIME/./}
is "... looked at again" "$(json '[.success, (.applied | length)]')" '[true,0]'
looked=${EPOCHREALTIME/./}
git -C "$up" checkout -q main
commit "$up" more
awk -v sha="$(cat "$dir/sha")" -v new="$(tip "$up" main)" 'BEGIN { for (i = 0; i < 500; i++) print "update refs/heads/many/" i " " new " " sha }' |
	git -C "$up" update-ref --stdin
changed=${EPOCHREALTIME/./}
is "... and 500 changed" "$(json '.applied | length')" 501
end=${EPOCHREALTIME/./}
echo "   made in $(((made - start) / 1000)) ms, looked at in $(((looked - made) / 1000)) ms, changed in $(((end - changed) / 1000)) ms"
is "in less than two minutes" $(((end - start) / 1000000 < 120)) 1
exit $bad
