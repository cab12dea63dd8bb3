#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_mirror_killed.sh - syncs that are killed at each of their steps
#
# One sync that has all to do is killed before each git that it runs, and within those that change
# references, while they hold their locks. What the next one makes of it is what an undisturbed one would have made.
# shellcheck disable=SC2154 # they are of mirror.sh
. "$(dirname "$0")/mirror.sh"

sound() { git -C "$mirror" fsck --connectivity-only 2>&1 | grep -v '^dangling\|^Checking\|^notice'; }

# --- killed at each step -------------------------------------------------------------------------

scene
again
with_between sync p >/dev/null 2>&1
steps=$(cat "$dir/between/count")
kills >"$dir/kills"
outcome >"$dir/want"
is "undisturbed, it has something of everything" "$(pending)" \
	'[["main","delete","upstream_delete",true],["old","delete","upstream_delete",true],["rewritten","force_update","upstream_rewrite",true],["worked","force_update","upstream_rewrite",false]]'
[ "$steps" -gt 10 ] || not_ok "only $steps steps"

wrong=0 within=0
while read -r how step; do
	again
	echo "$step" >"$dir/between/kill-$how"
	with_between sync p >/dev/null 2>&1
	code=$?
	[ "$how" = within ] || [ $code -gt 128 ] || { wrong=1; echo "   $how $step was not killed: $code"; }
	[ ! -f "$dir/between/within" ] || within=$((within + 1))
	# whoever clones meanwhile gets a whole mirror
	git clone -q "$mirror" "$dir/cloned" 2>"$dir/said" || { wrong=1; echo "   $how $step: no clone: $(cat "$dir/said")"; }
	rm -rf "$dir/cloned"
	sync >"$dir/said" || { wrong=1; echo "   $how $step: $(cat "$dir/said")"; }
	outcome >"$dir/got"
	cmp -s "$dir/want" "$dir/got" || { wrong=1; echo "   $how $step:"; diff "$dir/want" "$dir/got"; }
	[ -z "$(sound)" ] || { wrong=1; echo "   $how $step: $(sound)"; }
done <"$dir/kills"
is "killed before or within each of $steps steps, the next sync finishes ($within with locks)" $wrong 0
[ $within -ge 3 ] || not_ok "git was killed with its locks only $within times"

# --- a new mirror, killed ------------------------------------------------------------------------

rm -rf "$dir/state"
clear_between
with_between sync p --upstream "$up" --allow file >/dev/null 2>&1
steps=$(cat "$dir/between/count")
kills >"$dir/kills"
seen >"$dir/want"
wrong=0 half=0
while read -r how step; do
	rm -rf "$dir/state"
	clear_between
	echo "$step" >"$dir/between/kill-$how"
	with_between sync p --upstream "$up" --allow file >/dev/null 2>&1
	if [ -e "$mirror" ]; then
		seen | cmp -s - "$dir/want" || { wrong=1; echo "   $how $step: a half mirror is there"; }
	else
		half=$((half + 1))
	fi
	sync --upstream "$up" --allow file >"$dir/said" || { wrong=1; cat "$dir/said"; }
	seen | cmp -s - "$dir/want" || { wrong=1; echo "   $how $step: not whole"; }
	[ "$(find "$base" -maxdepth 1 -name '.new*' | wc -l)" = 0 ] || { wrong=1; echo "   $how $step: something is left"; }
done <"$dir/kills"
is "a mirror is there whole or not at all, killed at each of $steps steps ($half times not)" $wrong 0

# --- apply, killed -------------------------------------------------------------------------------

scene
sync >/dev/null
rm -rf "$dir/scene" && cp -a "$dir/state" "$dir/scene"
again
with_between apply p >/dev/null 2>&1
steps=$(cat "$dir/between/count")
kills >"$dir/kills"
seen >"$dir/want"
wrong=0
while read -r how step; do
	again
	seen >"$dir/had"
	echo "$step" >"$dir/between/kill-$how"
	with_between apply p >/dev/null 2>&1
	"$gate" apply p >"$dir/said" 2>&1 || { wrong=1; cat "$dir/said"; }
	seen | grep -v refs/heads/main | cmp -s - <(grep -v refs/heads/main "$dir/want") || { wrong=1; echo "   $how $step: not as applied"; }
	# each tip that was displaced is saved
	while read -r ref sha; do
		[ "$(tip "$mirror" "$ref")" = "$sha" ] ||
			git -C "$mirror" for-each-ref --format='%(objectname)' refs/terok/backup | grep -q "$sha" ||
			{ wrong=1; echo "   $how $step: $ref was $sha, which is lost"; }
	done < <(grep ^refs/heads/ "$dir/had")
done <"$dir/kills"
is "apply, killed at each of $steps steps, loses no tip" $wrong 0
exit $bad
