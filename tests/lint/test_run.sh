#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_run.sh - the runner counts what suites say, and believes no silence
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/tests"
bad=0

suite() { # suite NAME: a script from stdin
	{ echo '#!/bin/bash'; cat; } >"$dir/tests/$1"
	chmod 755 "$dir/tests/$1"
}

# says NAME EXIT TOTALS PATTERN SUITE...: exit code, last line, and something in the output
says() {
	local name=$1 want=$2 totals=$3 pattern=$4 out rc
	shift 4
	out=$(TEST_TIMEOUT=1 tests/run "${@/#/$dir/tests/}" 2>&1)
	rc=$?
	if [ $rc -eq "$want" ] && [ "$(tail -n 1 <<<"$out")" = "$totals" ] && grep -q -- "$pattern" <<<"$out"; then
		echo "ok $name"
	else
		echo "not ok $name"
		echo "   exit $rc: $out"
		bad=1
	fi
}

suite passes <<'EOT'
echo '[==========] Running 2 test(s).'; echo '[ RUN      ] a'; echo '[       OK ] a'
echo '[ RUN      ] b'; echo '[       OK ] b'; echo '[  PASSED  ] 2 test(s).'
EOT
suite fails <<'EOT'
echo '[ RUN      ] a'; echo '[       OK ] a'; echo '[ RUN      ] b'; echo 'x.c:3: error: no'
echo '[  FAILED  ] b'; echo '[  FAILED  ] 1 test(s), listed below:'; echo '[  FAILED  ] b'; exit 1
EOT
suite crashes <<'EOT'
echo '[ RUN      ] a'; echo '[       OK ] a'; echo '[ RUN      ] b'; kill -SEGV $$
EOT
suite hangs <<'EOT'
echo '[ RUN      ] a'; sleep 600 & echo $! >"${0%/*}/child"; wait
EOT
suite skips <<'EOT'
echo '[ RUN      ] a'; echo 'no veth here'; echo '[  SKIPPED ] a'
echo '[  SKIPPED ] 1 test(s), listed below:'; echo '[  SKIPPED ] a'
EOT
suite absent <<'EOT'
echo 'podman is not installed'; exit 77
EOT
suite script <<'EOT'
echo 'ok one'; echo 'not ok two'; echo 'SKIP three: no crun'; exit 1
EOT
suite silent <<'EOT'
EOT
suite silent_failure <<'EOT'
exit 3
EOT

says "test cases are counted, not suites" 0 "4 passed, 0 failed, 0 skipped" "passes .* 2 ok" passes passes
says "a failure is counted once and shown" 1 "1 passed, 1 failed, 0 skipped" "x.c:3: error: no" fails
says "a crash is a failure" 1 "1 passed, 1 failed, 0 skipped" "signal 11" crashes
says "a hanging suite is killed" 1 "0 passed, 1 failed, 0 skipped" "killed after 1 s" hangs
# it may lie dead for a moment before init reaps it
if grep -qs "^State:.[^Z]" "/proc/$(cat "$dir/tests/child")/status"; then
	echo "not ok a killed suite takes its children along"
	bad=1
else
	echo "ok a killed suite takes its children along"
fi
says "a skipped test is named with its reason" 1 "0 passed, 0 failed, 1 skipped" "SKIP  a: no veth here" skips
says "a skipped suite is named with its reason" 0 "2 passed, 0 failed, 1 skipped" \
	"SKIP  absent: podman is not installed" passes absent
says "a script's lines are counted" 1 "1 passed, 1 failed, 1 skipped" "SKIP  three: no crun" script
says "a silent suite counts as one" 0 "1 passed, 0 failed, 0 skipped" "silent" silent
says "a silent failure is one" 1 "0 passed, 1 failed, 0 skipped" "FAIL  silent_failure" silent_failure
says "a suite that is not there is a failure" 1 "0 passed, 1 failed, 0 skipped" "FAIL  nowhere" nowhere
says "nothing run is not success" 1 "0 passed, 0 failed, 0 skipped" "0 passed"
exit $bad
