#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_statements.sh - each case that tests/hub/STATEMENTS.md names is there
set -u
page=tests/hub/STATEMENTS.md bad=0 n=0

while IFS=: read -r file case; do
	n=$((n + 1))
	grep -q "^static void $case(" "tests/$file" 2>/dev/null && continue
	echo "not ok tests/$file has the case $case"
	bad=1
done < <(grep -o '[a-z]*/test_[a-z_0-9]*\.c:[a-z][a-z_0-9]*\b\(\.\.\.\)\?' "$page" | grep -v '\.\.\.$' | sort -u)
[ $n -ge 100 ] || { echo "not ok $page names cases ($n)"; bad=1; }
[ $bad -ne 0 ] || echo "ok each of the $n cases that $page names is there"
exit $bad
