#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_statements.sh - each case that a page of statements names is there: a function of a C file, a text of a
# script
set -u
bad=0

# cases PAGE: FILE:CASE of C, those with "..." left out; texts PAGE: FILE:"TEXT" of scripts
cases() { grep -o '[a-z]*/test_[a-z_0-9]*\.c:[a-z][a-z_0-9]*\b\(\.\.\.\)\?' "$1" | grep -v '\.\.\.$' | sort -u; }
texts() { grep -o '[a-z]*/test_[a-z_0-9]*\.sh:"[^"]*"' "$1" | sort -u; }

# page PAGE N: at least so many cases, and each is there
page() {
	local page=$1 n=0 file case here=0
	while IFS=: read -r file case; do
		n=$((n + 1))
		grep -q "^static void $case(" "tests/$file" 2>/dev/null && continue
		echo "not ok tests/$file has the case $case"
		here=1
	done < <(cases "$page")
	while IFS=: read -r file case; do
		n=$((n + 1))
		case=${case//\"/} # what a check says may begin or end with words of a loop
		grep -qF -- "$case" "tests/$file" 2>/dev/null && continue
		echo "not ok tests/$file has the check '$case'"
		here=1
	done < <(texts "$page")
	[ $n -ge "$2" ] || { echo "not ok $page names cases ($n)"; here=1; }
	[ $here -ne 0 ] || echo "ok each of the $n cases that $page names is there"
	bad=$((bad | here))
}

page tests/hub/STATEMENTS.md 100
page tests/gate/STATEMENTS.md 15
page tests/podman/STATEMENTS.md 15
page tests/proxy/STATEMENTS.md 15
page tests/registry/STATEMENTS.md 15
exit $bad
