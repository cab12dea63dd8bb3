#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_foreign.sh - a varlink implementation from elsewhere, as client and as helper of our hub
#
# python3-varlink, as distributions have it; what it does is in foreign.py.
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
foreign=$(readlink -f "$(dirname "$0")")/foreign.py
# what tests/hub/fetch brought, where the system has none
for folder in "$B" "$B/.."; do
	export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$folder/foreign/usr/lib/python3/dist-packages
done
for python in "${PYTHON:-python3}" /usr/bin/python3; do
	"$python" -c 'import varlink' 2>/dev/null && break
	python=
done
[ -n "$python" ] || { echo "SKIP: python3-varlink is not installed: tests/hub/fetch build/foreign"; exit 77; }
[ -x "$B/terok-clearance" ] || { echo "$B/terok-clearance is not there (make)"; exit 1; }
dir=$(mktemp -d)
pids=
# shellcheck disable=SC2086
trap '[ -z "$pids" ] || kill $pids 2>/dev/null; rm -rf "$dir"' EXIT
export XDG_RUNTIME_DIR=$dir
cat >"$dir/shield" <<'EOT'
#!/bin/sh
echo "$*" >&2
EOT
chmod 0755 "$dir/shield"

# begin COMMAND...: until it says its first line, on either stream
begin() {
	local fd line
	exec {fd}< <(exec "$@" 2>&1)
	pids="$pids $!"
	read -r -t 10 -u "$fd" line || { echo "$1 does not begin"; exit 1; }
}
begin "$python" "$foreign" --helper "$dir/terok-clearance-verdict.sock"
begin "$B/terok-clearance" serve --history none
begin "$B/terok-clearance" serve-verdict --socket "$dir/verdict.sock" --shield "$dir/shield"
timeout 60 "$python" "$foreign" "$dir"
