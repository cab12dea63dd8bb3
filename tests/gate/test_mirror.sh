#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_mirror.sh - terok-gate sync, branches, apply, backups, restore, last-commit, with real git
#
# The statements are those that the gate before this one was held to, and that what agents
# pushed is there after whatever an upstream does.
# shellcheck disable=SC2154 # they are of mirror.sh
. "$(dirname "$0")/mirror.sh"

# --- a mirror, and no upstream -------------------------------------------------------------

is "no upstream is no error" "$(json '[.success, .created, .upstream_url, .errors]')" '[true,true,null,[]]'
is "... and nothing is to be done the next time" "$(json '[.success, .created, .applied]')" '[true,false,[]]'
git clone -q "$mirror" "$dir/first" 2>/dev/null
commit "$dir/first" mine
git -C "$dir/first" push -q origin main
sync >"$dir/said"
is "... also with what agents pushed" "$(tip "$mirror" main)" "$(tip "$dir/first" main)"

# --- what may be reached ---------------------------------------------------------------------

new_up
rm -rf "$dir/state"
has "a path is refused unless it is allowed" "$(sync --upstream "$up")" '*goes by file, which is not allowed*--allow file*'
is "... and nothing is made" "$(ls "$base")" p.lock
for url in "ext::sh -c touch% $dir/ran" "ext::touch $dir/ran" "-oProxyCommand=touch $dir/ran" \
	"ssh://-oProxyCommand=touch/x" "file://$up" "git://127.0.0.1:1/x" "http://127.0.0.1:1/x"; do
	[ "$(json .success --upstream "$url")" = false ] || not_ok "'$url' was taken"
done
is "no helper, no option, nothing in plain text runs" "$([ -e "$dir/ran" ] || echo none)" none
said=$(sync --upstream https://me:s3cret@127.0.0.1:1/x; sync --json --upstream https://me:s3cret@127.0.0.1:1/x)
is "a password of a URL is not shown" "$(echo "$said" | grep -c 's3cret') $(echo "$said" | jq -rR 'fromjson? | .upstream_url')" \
	"0 https://***@127.0.0.1:1/x"
new_gate
git -C "$mirror" config remote.origin.url "ext::touch $dir/ran"
is "... also not one that somebody wrote into the configuration" "$(json .success)" false
[ ! -e "$dir/ran" ] || not_ok "it ran"

# --- new branches and fast forwards ------------------------------------------------------------

new_gate
is "its branches and tags are there" "$(git -C "$mirror" for-each-ref --format='%(refname)' refs/heads refs/tags | tr '\n' ' ')" \
	"refs/heads/dev refs/heads/main refs/heads/old refs/tags/v1 "
is "its files are the user's alone" "$(find "$base" -perm /077 ! -type l | wc -l)" 0
is "... HEAD is the upstream's" "$(cat "$mirror/HEAD")" "ref: refs/heads/main"
is "... and ours are not seen" "$(git ls-remote "$mirror" 'refs/terok/*' | wc -l)" 0
agent a
git -C "$dir/a" push -q origin HEAD:refs/terok/upstream/main 2>"$dir/said" && not_ok "refs/terok was pushed to"
has "... nor pushed to" "$(cat "$dir/said")" '*hidden ref*'
commit "$up" three
git -C "$up" branch new
is "what is new goes into the gate at once" "$(json '[.applied[] | [.branch, .kind]]')" '[["main","fast_forward"],["new","create"]]'
is "... with the upstream's commits" "$(tip "$mirror" main)" "$(tip "$up" main)"
is "... and the next sync has nothing to say" "$(json '[.applied, .pending, .notes, .errors, .gate_only_branches]')" '[[],[],[],[],[]]'
is "a result has these keys" "$(json 'keys_unsorted | join(" ")')" \
	"path upstream_url created migrated success errors notes applied pending gate_only_branches cache_refreshed cache_error"

# --- what agents pushed ------------------------------------------------------------------------

agent a
git -C "$dir/a" checkout -q -b agent/one
commit "$dir/a" "an agent's"
git -C "$dir/a" push -q origin agent/one
for _ in 1 2 3; do sync >/dev/null; done
is "a branch that only the gate has survives" "$(tip "$mirror" agent/one)" "$(tip "$dir/a" agent/one)"
is "... and is named" "$(json .gate_only_branches[0])" agent/one
git -C "$dir/a" checkout -q dev
commit "$dir/a" "an agent's, on dev"
git -C "$dir/a" push -q origin dev
is "commits on the upstream's branch stay" "$(json '[.pending, .applied]')" '[[],[]]'
is "... and it is ahead" "$("$gate" branches p --json | jq -r '.branches[] | select(.branch == "dev") | .state')" ahead
git -C "$up" checkout -q dev
commit "$up" "the upstream's, on dev"
git -C "$up" checkout -q main
is "a branch that went two ways waits" "$(json '.pending[] | [.branch, .kind, .reason, .lossless, .gate_only_commits]')" \
	'["dev","force_update","unknown_provenance",false,1]'
is "... unchanged" "$(tip "$mirror" dev)" "$(tip "$dir/a" dev)"
is "a pending one has these keys" "$("$gate" branches p --json | jq -r '.pending[0] | keys_unsorted | join(" ")')" \
	"branch kind reason gate_sha upstream_sha old_snapshot_sha lossless gate_only_commits"

# --- rewrites and deletions ----------------------------------------------------------------------

new_up
new_gate
was=$(tip "$mirror" main)
git -C "$up" commit -q --amend -m other
git -C "$up" branch -q -D old
is "a rewrite and a deletion wait" "$(json '[.pending[] | [.branch, .kind, .reason, .lossless]]')" \
	'[["main","force_update","upstream_rewrite",true],["old","delete","upstream_delete",true]]'
is "... and the gate has what it had" "$(tip "$mirror" main) $(tip "$mirror" old)" "$was $was"
is "... also after another sync" "$(json '[.pending[].branch]')" '["main","old"]'
commit "$up" more
is "... and after the upstream went on" "$(json '[.pending[] | [.branch, .reason, .old_snapshot_sha == "'"$was"'"]]')" \
	'[["main","upstream_rewrite",true],["old","upstream_delete",true]]'
agent a
git -C "$dir/a" checkout -q old
commit "$dir/a" "an agent's, on old"
git -C "$dir/a" push -q origin old
is "with an agent's commit a deletion would lose something" \
	"$(json '[.pending[] | [.branch, .lossless, .gate_only_commits]]')" '[["main",true,0],["old",false,1]]'
is "--lossless leaves that one" "$("$gate" apply p --lossless --json | jq -c '[.success, [.applied[].branch], (.backups | keys)]')" \
	'[true,["main"],["main"]]'
is "... and has the tip that it displaced" "$("$gate" backups p --json | jq -r '.backups[0] | .branch + " " + .sha')" "main $was"
lost=$(tip "$mirror" old)
is "the other one is applied when it is named" "$("$gate" apply p old --json | jq -c '[.applied[] | [.branch, .kind, .new_sha]]')" \
	'[["old","delete",null]]'
is "... and goes" "$(tip "$mirror" old)" ""
saved=$("$gate" backups p --json | jq -r '.backups[] | select(.branch == "old") | .ref')
is "... with its tip saved" "$(tip "$mirror" "$saved")" "$lost"
is "what is not pending is an error of its own" "$("$gate" apply p nonsense --json | jq -c '[.success, .errors]')" \
	'[false,["nothing is pending for a branch nonsense"]]'
is "nothing waits any more" "$(json .pending)" '[]'
has "the deed is in the reflog" "$(git -C "$mirror" reflog show main 2>/dev/null)" '*terok-gate apply*'

# a feature of two commits, merged as one, and its branch deleted
git -C "$up" checkout -q -b feature
commit "$up" half
commit "$up" whole
sync >/dev/null
git -C "$up" checkout -q main
git -C "$up" merge -q --squash feature >/dev/null 2>&1
git -C "$up" commit -qm "feature, as one"
git -C "$up" branch -q -D feature
is "a squash-merged branch that goes upstream loses nothing" "$(json '[.pending[] | [.branch, .lossless]]')" '[["feature",true]]'
"$gate" apply p feature >/dev/null

# --- back ------------------------------------------------------------------------------------------

is "a backup is restored" "$("$gate" restore p "$saved" --json | jq -c '[.branch, .restored_sha == "'"$lost"'", .previous_backup_ref, .error]')" \
	'["old",true,null,null]'
is "... and it is what it was" "$(tip "$mirror" old)" "$lost"
is "... quietly, the second time" "$("$gate" restore p "$saved" --json | jq -c '[.branch, .previous_backup_ref, .error]')" '["old",null,null]'
main=$("$gate" backups p --json | jq -r '[.backups[] | select(.branch == "main") | .ref][0]')
now=$(tip "$mirror" main)
previous=$("$gate" restore p "$main" --json | jq -r .previous_backup_ref)
is "what a restore displaces is saved" "$(tip "$mirror" "$previous")" "$now"
is "what was restored stays, whatever the upstream has" "$(json .success; tip "$mirror" main)" "$(printf 'true\n%s' "$was")"
for ref in refs/heads/main refs/terok/upstream/main main refs/terok/backup/main/nonsense "$saved/x" ../x; do
	"$gate" restore p "$ref" >/dev/null 2>&1 && not_ok "'$ref' was restored"
	"$gate" backups p --delete "$ref" >/dev/null 2>&1 && not_ok "'$ref' was deleted"
done
ok "what is no backup is neither restored nor deleted"
git -C "$mirror" update-ref refs/terok/backup/main/20200101T000000Z-"${was:0:12}" "$was"
git -C "$mirror" update-ref refs/terok/backup/main/nonsense "$was"
git -C "$mirror" update-ref refs/terok/backup/main/20200231T000000Z-"${was:0:12}" "$was"
is "with 0 days backups are for ever" "$("$gate" backups p --prune 0 --json | jq .pruned)" 0
sync --backup-days 0 >/dev/null
is "... also in a sync" "$("$gate" backups p --json | jq '[.backups[] | select(.saved_at < "2021")] | length')" 1
sync --backup-days 30 >"$dir/said"
has "one that is too old goes" "$(cat "$dir/said")" '*1 backups were older than 30 days*'
is "... and no other" "$("$gate" backups p --json | jq '.backups | length') $(git -C "$mirror" for-each-ref refs/terok/backup/main/nonsense refs/terok/backup/main/20200231* | wc -l)" "4 2"

# a tag that a push displaced: the hook keeps it under backup-tags/, here as it does
git -C "$mirror" tag -a -m kept kept "$was"
kept=$(tip "$mirror" refs/tags/kept)
git -C "$mirror" update-ref refs/terok/backup-tags/tags/kept/20261121T101112Z-"${kept:0:12}" "$kept"
git -C "$mirror" update-ref refs/terok/backup-tags/tags/kept/20200101T000000Z-"${kept:0:12}" "$kept"
git -C "$mirror" update-ref refs/terok/backup-tags/heads/main/20200101T000000Z-"${kept:0:12}" "$was"
git -C "$mirror" tag -f kept main >/dev/null
is "a tag's backups are listed beside branches'" "$("$gate" backups p --json | jq -c '[.backups[] | select(.of == "refs/tags/kept") | [.branch, .sha, .saved_at]]')" \
	"[[null,\"$kept\",\"2026-11-21T10:11:12Z\"],[null,\"$kept\",\"2020-01-01T00:00:00Z\"]]"
saved=$("$gate" backups p --json | jq -r '[.backups[] | select(.of == "refs/tags/kept") | .ref][0]')
now=$(tip "$mirror" refs/tags/kept)
previous=$("$gate" restore p "$saved" --json | tee "$dir/said" | jq -r .previous_backup_ref)
is "a tag is restored, and stays one" "$(jq -c '[.branch, .of, .error]' "$dir/said") $(tip "$mirror" refs/tags/kept)" "[null,\"refs/tags/kept\",null] $kept"
is "... and what that displaces is saved" "$(tip "$mirror" "$previous") ${previous%/*}" "$now refs/terok/backup-tags/tags/kept"
is "... quietly, the second time" "$("$gate" restore p "$saved" --json | jq -c '[.previous_backup_ref, .error]')" '[null,null]'
git -C "$mirror" tag -d kept >/dev/null
has "one that is gone comes back" "$("$gate" restore p "$saved") $(tip "$mirror" refs/tags/kept)" "refs/tags/kept is ${kept:0:12} $kept"
is "a tag's backup that is too old goes" "$("$gate" backups p --prune 30 --json | jq -c '[.pruned, [.backups[] | select(.of == "refs/tags/kept")] | length]')" '[1,2]'
is "... and what is no backup stays" "$(git -C "$mirror" for-each-ref refs/terok/backup-tags/heads | wc -l)" 1
"$gate" backups p --delete "$saved" >/dev/null
is "... and so does one that is deleted" "$(git -C "$mirror" for-each-ref "$saved" | wc -l)" 0

# --- many at once ---------------------------------------------------------------------------------

# the same, and as many gits, whether few or many branches have changed: a line is COUNT APPLIED PENDING
changed() { # changed N
	local i
	new_up
	for i in $(seq "$1"); do echo "create refs/heads/$i/go main"; echo "create refs/heads/$i/back main"; echo "create refs/heads/$i/mine main"; done >"$dir/many"
	git -C "$up" update-ref --stdin <"$dir/many"
	new_gate
	agent a
	commit "$dir/a" "an agent's"
	for i in $(seq "$1"); do echo "update refs/heads/$i/mine $(tip "$dir/a" main)"; done >"$dir/many"
	git -C "$dir/a" push -q origin main:refs/heads/new
	git -C "$mirror" update-ref --stdin <"$dir/many"
	commit "$up" three
	for i in $(seq "$1"); do echo "update refs/heads/$i/go main"; echo "update refs/heads/$i/back main~2"; done >"$dir/many"
	git -C "$up" update-ref --stdin <"$dir/many"
	clear_between
	with_between sync p --json >"$dir/said"
	echo "$(wc -l <"$dir/between/called") $(jq -c '[(.applied | length), (.pending | length), ([.pending[] | [.kind, .reason, .lossless, .gate_only_commits]] | unique)]' "$dir/said")"
}
few=$(changed 4)
is "what has changed is found" "${few#* }" '[5,4,[["force_update","upstream_rewrite",true,0]]]'
many=$(changed 40)
is "... of many branches as well" "${many#* }" '[41,40,[["force_update","upstream_rewrite",true,0]]]'
is "... by as many gits" "${many%% *}" "${few%% *}"
clear_between

# --- tags ------------------------------------------------------------------------------------------

new_up
new_gate
had=$(tip "$mirror" v1)
commit "$up" three
git -C "$up" tag -f v1 >/dev/null
git -C "$up" tag v2
has "a moved tag is a note" "$(json '[.success, .notes[0]]')" '[[]true,"tag v1 was moved upstream*'
is "... and stays, and a new one comes" "$(tip "$mirror" v1) $(tip "$mirror" v2)" "$had $(tip "$up" v2)"
git -C "$up" tag -d v1 >/dev/null
is "a deleted one stays too, without a word" "$(json '[.success, .notes]'; tip "$mirror" v1)" "$(printf '[true,[]]\n%s' "$had")"

# --- HEAD ------------------------------------------------------------------------------------------

git -C "$up" branch -q -m main trunk
sync >/dev/null
is "HEAD follows the upstream's default branch" "$(cat "$mirror/HEAD")" "ref: refs/heads/trunk"
is "... and the old one stays" "$(tip "$mirror" main)" "$(tip "$up" trunk)"
git -C "$up" checkout -q --detach
is "an upstream that says no default leaves it" "$(json .success; cat "$mirror/HEAD")" "$(printf 'true\nref: refs/heads/trunk')"
rm -rf "$dir/state"
is "... and a new mirror has the branch that it is" "$(json .success --upstream "$up" --allow file; cat "$mirror/HEAD")" \
	"$(printf 'true\nref: refs/heads/trunk')"
git -C "$mirror" symbolic-ref HEAD refs/heads/nowhere
is "HEAD that names nothing is put right" "$(json .success; cat "$mirror/HEAD")" "$(printf 'true\nref: refs/heads/trunk')"
for name in trunk main; do
	git -C "$mirror" update-ref -d refs/heads/$name
	git -C "$up" branch -q -D $name 2>/dev/null
done
git -C "$up" commit -q --allow-empty -m detached
git -C "$mirror" symbolic-ref HEAD refs/heads/nowhere
has "HEAD never dangles in silence" "$(json '[.success, .errors[0]]')" '[[]false,"HEAD of p names nowhere, which is not there*'
rm -rf "$up" "$dir/state"
git init -q "$up"
is "an empty upstream is healthy" "$(json '[.success, .created]' --upstream "$up" --allow file)" '[true,true]'
commit "$up" one
is "... and so is its first commit" "$(json '.applied[] | [.branch, .kind]')" '["main","create"]'

# --- some branches only --------------------------------------------------------------------------

new_up
rm -rf "$dir/state"
sync --upstream "$up" --allow file --branch dev >/dev/null
is "a new mirror of some branches has the default one" "$(git -C "$mirror" for-each-ref --format='%(refname:short)' refs/heads | tr '\n' ' ')" "dev main "
commit "$up" three
git -C "$up" branch -q -D dev
is "only what is asked for is looked at" "$(json '[.applied, [.pending[].branch], .notes]' --branch dev)" \
	'[[],["dev"],["the upstream has no branch dev"]]'
is "... the rest at the next time" "$(json '[.applied[].branch]')" '["main","old"]'

# --- branches in each other's way ----------------------------------------------------------------

git -C "$up" branch -q -D old
git -C "$up" branch old/er
has "a branch where another is in the way waits for it" "$(json '[.success, (.pending | length), .notes[0]]')" \
	'[[]true,2,"branch old/er is left as it is: *'
"$gate" apply p old dev >/dev/null
is "... and comes when that is gone" "$(json '[.applied[].branch]')" '["old/er"]'

# --- mirrors of before ---------------------------------------------------------------------------

new_up
rm -rf "$dir/state"
mkdir -p "$base"
chmod 700 "$base"
git clone -q --mirror "$up" "$mirror" 2>/dev/null
agent a
git -C "$dir/a" checkout -q -b agent/one
commit "$dir/a" "an agent's"
git -C "$dir/a" push -q origin agent/one
git -C "$mirror" update-ref refs/pull/1/head main
git -C "$up" branch -q -D old
commit "$up" three
seen >"$dir/before"
is "a mirror that prunes is made safe" "$(json '[.success, .migrated, .created, [.applied[].branch], .gate_only_branches]' --allow file)" \
	'[true,true,false,["main"],["agent/one","old"]]'
is "... and has all its branches" "$(comm -23 <(sort "$dir/before") <(seen | sort) | grep -v refs/heads/main)" ""
git -C "$mirror" remote update --prune >/dev/null 2>&1
is "... also when git is told to prune by hand" "$(tip "$mirror" agent/one) $(tip "$mirror" refs/pull/1/head)" \
	"$(tip "$dir/a" agent/one) $(tip "$mirror" old)"
is "... once" "$(json .migrated)" false

# --- anew ----------------------------------------------------------------------------------------

has "--force-reinit makes it anew" "$(json '[.success, .created, .notes[0]]' --force-reinit)" '[[]true,true,"the mirror of before is *'
is "... without what agents pushed" "$(tip "$mirror" agent/one)" ""
is "... which is beside it" "$(tip "$(echo "$base"/.before-p-*)" agent/one)" "$(tip "$dir/a" agent/one)"
mv "$up" "$dir/away"
is "one that fails changes nothing" "$(json '[.success, .created]' --force-reinit; tip "$mirror" main)" \
	"$(printf '[false,false]\n%s' "$(tip "$dir/away" main)")"
is "... and leaves nothing behind" "$(find "$base" -maxdepth 1 -name '.new*' | wc -l)" 0
is "an upstream that is away is an error in one line" "$(json '[.success, (.errors | length)]')" '[false,1]'
mv "$dir/away" "$up"

# --- the cache -----------------------------------------------------------------------------------

cache=$dir/state/clone-cache/p
is "a cache is a clone with files" "$(json '[.cache_refreshed, .cache_error]' --cache; git -C "$cache" rev-parse HEAD)" \
	"$(printf '[true,null]\n%s' "$(tip "$up" main)")"
inode=$(stat -c %i "$cache")
echo waste >"$cache/waste"
echo waste >"$cache/file"
commit "$up" four
json .cache_refreshed >"$dir/said"
is "... which is put right in place" "$(cat "$dir/said") $(git -C "$cache" status --porcelain | wc -l) $(tip "$cache" HEAD) $(stat -c %i "$cache")" \
	"true 0 $(tip "$up" main) $inode"
rm -rf "$cache/.git/HEAD"
is "... or made anew" "$(json .cache_refreshed; tip "$cache" HEAD)" "$(printf 'true\n%s' "$(tip "$up" main)")"
is "... and shares no file with the mirror" "$(find "$cache/.git/objects" -type f -links +1 | wc -l)" 0

is "... and is left alone when none is wanted any more" "$(json .cache_refreshed --no-cache; json .cache_refreshed)" "$(printf 'false\nfalse')"

# --- the last commit -----------------------------------------------------------------------------

is "the last commit" "$("$gate" last-commit p --json | jq -c '[.commit_hash == "'"$(tip "$up" main)"'", .commit_author, .commit_message, keys_unsorted]')" \
	'[true,"somebody","four",["commit_hash","commit_date","commit_author","commit_message"]]'
commit "$up" "$(printf 'esc\033[2Jape')"
sync >/dev/null
is "... goes to a terminal without what is not printable" "$("$gate" last-commit p | grep -c "$(printf '\033')")" 0
is "no commit is null" "$("$gate" sync q --json | jq .success; "$gate" last-commit q --json)" "$(printf 'true\nnull')"
"$gate" last-commit nowhere --json 2>"$dir/said" && not_ok "no mirror is no error"
has "no mirror is an error that says what to do" "$(cat "$dir/said")" '*there is no mirror of nowhere*terok-gate sync nowhere --upstream URL*'

# --- how a mirror is -------------------------------------------------------------------------------

# of: status of p, with no server that could be the user's own
export XDG_RUNTIME_DIR=$dir/run
mkdir -m 0700 "$dir/run"
new_up
new_gate
of() { "$gate" status p "$@" --json | jq -c '.mirror | [.branches, .pending, .staleness.branch, .staleness.is_stale, .staleness.commits_behind, .staleness.commits_ahead, .staleness.error]'; }
is "a mirror that is what its upstream is" "$(of)" '[3,0,"main",false,0,0,null]'
is "... of which project, where, with what last" "$("$gate" status p --json | jq -c '.mode, (.mirror | [.project, .path, .last_commit, .staleness.gate_head == .last_commit])')" \
	"$(printf '"none"\n["p","%s","%s",true]' "$mirror" "$(tip "$up" main)")"
git -C "$up" checkout -q dev
git -C "$up" commit -q --amend -m other
git -C "$up" checkout -q main
sync >/dev/null
commit "$up" more
is "... that is behind, as far as is known without a fetch, and has what waits" "$(of)" '[3,1,"main",true,null,null,null]'
is "... of another branch" "$(of --branch old)" '[3,1,"old",false,0,0,null]'
is "... of none that there is" "$(of --branch nonsense | jq -c '[.[2], .[6]]')" '["nonsense","The upstream has no such branch"]'
has "... for people" "$("$gate" status p)" "*mirror *$mirror*branches *3, 1 of them pending*last *$(tip "$mirror" main)*"
mv "$up" "$up.away"
is "... whose upstream is not reached" "$(of | sed "s/upstream: .*\"\]/upstream\"]/")" '[3,1,"main",false,null,null,"Could not reach upstream"]'
mv "$up.away" "$up"
"$gate" sync q >/dev/null
is "... without upstream or commit" "$("$gate" status q --json | jq -c '.mirror | [.branches, .last_commit, .staleness.error]')" '[0,null,"No upstream URL configured"]'
"$gate" status nowhere --json >"$dir/said" 2>&1 && not_ok "no mirror is no error of status"
has "no mirror is an error of status, too" "$(cat "$dir/said")" '*there is no mirror of nowhere*'
unset XDG_RUNTIME_DIR

# --- command lines ---------------------------------------------------------------------------------

for wrong in "sync" "sync p q" "sync p --allow ext" "sync p --allow file,ext" "sync p --backup-days x" \
	"sync p --limit 0" "restore p" "backups p --prune -1" "apply"; do
	# shellcheck disable=SC2086
	"$gate" $wrong >/dev/null 2>&1
	[ $? = 2 ] || not_ok "'terok-gate $wrong' is a wrong command line"
done
for name in ../p .p p/q '' p.git -p; do
	"$gate" sync -- "$name" >/dev/null 2>&1 && not_ok "'$name' was taken for a project"
done
ok "wrong command lines are refused"
exit $bad
