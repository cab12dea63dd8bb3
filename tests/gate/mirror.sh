# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# mirror.sh - upstreams, a gate and agents on disk, for the suites of the mirror; source it
#
# $dir goes when the suite does. `up` is the upstream's work tree, `agent NAME` a clone of the
# mirror. Between the gate and git stands tests/gate/between, which does what files in $dir/between say.
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
here=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
gate=$B/terok-gate
bad=0

skip() { echo "SKIP: $1"; exit 77; }
[ -x "$gate" ] || { echo "$gate is not there (make)"; exit 1; }
for need in git jq flock; do
	command -v $need >/dev/null || skip "$need is not installed (tools/deps --install gate test)"
done

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/home" "$dir/between"
export HOME=$dir/home LC_ALL=C TZ=UTC
export TEROK_SANDBOX_STATE_DIR=$dir/state
unset XDG_CONFIG_HOME GIT_DIR GIT_SSH_COMMAND SSH_AUTH_SOCK
base=$dir/state/gate mirror=$dir/state/gate/p.git up=$dir/up
git config --global user.name somebody
git config --global user.email somebody@example.org
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git config --global gc.auto 0

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; shift; [ $# -eq 0 ] || printf '   %s\n' "$@"; bad=1; }
# is NAME GOT WANT
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
# has NAME TEXT PATTERN: a shell pattern
has() {
	# shellcheck disable=SC2053
	if [[ $2 == $3 ]]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi
}

commit() { # commit REPO TEXT: one more on what is checked out
	echo "$2" >>"$1/file"
	git -C "$1" add file
	git -C "$1" commit -qm "$2"
}
# new_up: main with two commits, dev and old beside it, a tag
new_up() {
	rm -rf "$up"
	git init -q "$up"
	commit "$up" one
	commit "$up" two
	git -C "$up" branch dev
	git -C "$up" branch old
	git -C "$up" tag v1
}
sync() { timeout 120 "$gate" sync p "$@" 2>&1; }
# json FILTER ARG...: of a sync's result
json() {
	local filter=$1
	shift
	timeout 120 "$gate" sync p --json "$@" 2>"$dir/said" | jq -cr "$filter"
}
new_gate() { # a mirror of $up
	rm -rf "$dir/state"
	sync --upstream "$up" --allow file >"$dir/said" || { cat "$dir/said"; exit 1; }
}
tip() { git -C "$1" rev-parse --verify -q "$2"; } # tip REPO REF
agent() { # agent NAME: a clone of the mirror at $dir/NAME
	rm -rf "${dir:?}/$1"
	git clone -q "$mirror" "$dir/$1" 2>"$dir/said"
}
# All that people see of the mirror, and HEAD.
seen() { git -C "$mirror" for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags; cat "$mirror/HEAD"; }
pending() { "$gate" branches p --json | jq -c '[.pending[] | [.branch, .kind, .reason, .lossless]]'; }
# with_between ARG...: the gate, with our git between
with_between() { PATH=$here/between:$PATH TMPDIR=$dir timeout 60 "$gate" "$@"; }

clear_between() { rm -rf "$dir/between"; mkdir "$dir/between"; }

# A gate that has to do each thing once: new, forward, rewritten with and without an agent's
# commits, deleted, moved tag, new tag, HEAD.
scene() {
	new_up
	git -C "$up" branch rewritten
	git -C "$up" branch worked
	new_gate
	agent a
	git -C "$dir/a" checkout -q worked
	commit "$dir/a" "an agent's"
	git -C "$dir/a" checkout -q -b agent/one
	git -C "$dir/a" push -q origin worked agent/one
	git -C "$up" checkout -q rewritten
	git -C "$up" commit -q --amend -m other
	git -C "$up" branch -q -f worked
	git -C "$up" checkout -q main
	commit "$up" three
	git -C "$up" branch -q -D old
	git -C "$up" branch new
	git -C "$up" tag -f v1 >/dev/null
	git -C "$up" tag v2
	git -C "$up" branch -q -m main trunk
	rm -rf "$dir/scene" && cp -a "$dir/state" "$dir/scene"
}
again() { rm -rf "$dir/state" && cp -a "$dir/scene" "$dir/state"; clear_between; }
outcome() { seen; pending; }
# kills: how and when to kill what was run last, a line each
kills() {
	while read -r step what; do
		echo "before $step"
		case $what in update-ref | fetch) echo "within $step" ;; esac
	done <"$dir/between/called" | sort
}
