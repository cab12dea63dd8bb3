#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_browser.sh - the web page in a real browser without a screen: browser.py says what
#
# Screenshots, light and dark, wide and narrow, are in the build folder: tests/web/shots.
. "$(dirname "$0")/lib.sh"

for tool in chromium chromedriver python3; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is not installed (tools/deps --install browser)"; exit 77; }
done
[ -x "$HUB_BIN" ] || { echo "SKIP: $HUB_BIN is not built (make web)"; exit 77; }

mkdir -p "$B/tests/web/shots"
hub_start || exit 1
web_start || exit 1
chromedriver --port=0 >"$DIR/driver.log" 2>&1 &
pids="$pids $!"
await "$DIR/driver.log" 'started successfully on port' || exit 1
export HOME=$DIR PYTHONDONTWRITEBYTECODE=1 # the browser's files; nothing beside the sources
export WEB_BIN HUB_BIN
python3 "$(dirname "$0")/browser.py" "$DIR" "$WEB_PID" "$HUB_PID" "$B/tests/web/shots" 8>&8 || BAD=1
exit $BAD
