#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_lint.sh - each lint is content with the tree and finds the one thing that we break
#
# Works on a copy; needs no privileges. The lint of command lines needs programs, in $B.
set -u
build=$(readlink -f "${B:-build}")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree" || exit 1
cd "$tree" || exit 1
bad=0

# breaks LINT WHAT FILE COMMAND...: COMMAND breaks FILE; LINT must say so, and name the file
breaks() {
	local lint=$1 what=$2 file=$3 out saved
	shift 3
	saved=$(mktemp)
	[ ! -f "$file" ] || cp "$file" "$saved"
	"$@"
	out=$("tests/lint/$lint" "$build" 2>&1)
	if [ $? -ne 0 ] && grep -qF "${file##*/}" <<<"$out"; then
		echo "ok $lint finds $what"
	else
		echo "not ok $lint finds $what"
		echo "   it said: $out"
		bad=1
	fi
	if [ -s "$saved" ]; then cp "$saved" "$file"; else rm -f "$file"; fi
	rm -f "$saved"
}

add() { mkdir -p "${1%/*}"; printf '%b\n' "$2" >>"$1"; }
swap() { sed -i "$2" "$1"; }

content() {
	local out
	if out=$("tests/lint/$1" 2>&1); then
		case $out in
		SKIP*) echo "SKIP $1 is content: ${out#*: }"; return 1 ;;
		*) echo "ok $1 is content with the tree" ;;
		esac
	else
		echo "not ok $1 is content with the tree"
		echo "   it said: $out"
		bad=1
	fi
}

page='/* SPDX-License-Identifier: Apache-2.0 */\n/* new.h - a new module */'

content layers
breaks layers "the hub including the agent" hub/new.c add hub/new.c '#include "guard.h"'
breaks layers "a tool including the hub" tools/new.c add tools/new.c '#include "hub/wire.h"'
breaks layers "base including a room" user/base/new.c add user/base/new.c '#include "kernel.h"'
breaks layers "the agent including more than the hub's worker" user/new.c add user/new.c '#include "hub/wire.h"'
breaks layers "the agent on the session bus" user/new.c add user/new.c '#include <systemd/sd-bus.h>'
breaks layers "a header that is nowhere" user/new.c add user/new.c '#include "nowhere.h"'
breaks layers "a hook including the agent" bpf/new.h add bpf/new.h '#include "user/guard.h"'

content names
named() { # names says the object, not the file
	breaks names "$1" terok_a_name_that_is_long add "bpf/new.h" "$2"
	rm -f bpf/new.h
}
named "a map name of 18 characters" '} terok_a_name_that_is_long SEC(".maps");'
named "a program name of 18 characters" 'SEC("cgroup/connect4")\nint terok_a_name_that_is_long(struct bpf_sock_addr *ctx)'

content sizes
long() { { echo 'int new_long(void)'; echo '{'; seq 80 | sed 's/.*/\tcall();/'; echo '}'; } >>"$1"; }
breaks sizes "a function of 80 lines" user/new.c long user/new.c

content words
breaks words "work left for later" user/new.c add user/new.c "/* TO""DO: later */"
breaks words "a path of somebody's machine" tools/new.c add tools/new.c 'open("/ho''me/me/x");'
breaks words "a file named after nothing" user/utils.c add user/utils.c 'int x;'

content spdx
breaks spdx "a source without a licence" user/new.c add user/new.c '/* new.c - new */'
breaks spdx "a hook under the wrong licence" bpf/new.h add bpf/new.h '/* SPDX-License-Identifier: Apache-2.0 */'

content comments
breaks comments "a module without its page" hub/new.h add hub/new.h '/* SPDX-License-Identifier: Apache-2.0 */\nint x;'
breaks comments "a public function without a comment" hub/new.h add hub/new.h "$page\n\nint new_thing(int x);"

if content format; then
	breaks format "a line that clang-format would write otherwise" user/new.c add user/new.c 'int   x ;'
fi
if content shell; then
	breaks shell "a variable that nobody set" tools/new add tools/new '#!/bin/sh\necho "$nobody_set_this"'
fi

if [ -x "$build/terok-bpfd" ]; then
	breaks help "a verb that the manual lacks" user/terok-bpfd.8 swap user/terok-bpfd.8 '/^\.B rules/d'
	breaks help "a verb that the manual invents" user/terok-bpfd.8 swap user/terok-bpfd.8 's/^\.B watch /.B stare /'
	breaks man "a reference to no page" user/terok-profile.5 swap user/terok-profile.5 's/terok.-files (5)/terok\\-file (5)/'
	breaks man "a key of audit lines that has no text" user/terok-files.5 swap user/terok-files.5 's/^\.B missed/.B mised/'
	breaks man "an action that has no text" user/terok-files.5 swap user/terok-files.5 's/shield_block, //'
	breaks man "a word of the annotation that has no text" user/terok-annotations.5 swap user/terok-annotations.5 's/gateway/gatway/g'
	breaks man "a method that is none" hub/terok-firewall1.7 swap hub/terok-firewall1.7 's/^\.B Revoke/.B Revoked/'
	breaks man "an example that is no profile" user/terok-profile.5 swap user/terok-profile.5 's/^time.example.org.udp/time.example.org:x/'
	breaks help "a verb that the README lacks" README.md swap README.md '/^| `rules/d'
	! command -v mandoc >/dev/null ||
		breaks man "a line of the manual that mandoc cannot read" user/terok-bpfd.8 swap user/terok-bpfd.8 's/^\.TP/.NOPE/'
else
	echo "SKIP help: no programs in $build"
fi
exit $bad
