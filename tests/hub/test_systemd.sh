#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_systemd.sh - the agent as a unit of a real systemd, hardened as it is installed
#
# systemd is process 1 of a container (systemd-nspawn) in the throw-away host of tests/lab, with
# this machine's /usr and an /etc of nothing: it boots in half a second, once for each script.
# systemd_life has the unit begin, serve, hang, be killed and come back, while nothing opens;
# systemd_podman has it guard real containers. ONLY=SCRIPT: that one alone (test_systemd_needs.sh).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
B=$(readlink -f "${B:-$here/../../build}")
EXPOSURE=39 # systemd-analyze security says so many tenths; what is left is in the unit, with reasons

skip() { echo "SKIP: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root (sudo make test)"
for p in systemd-nspawn systemd-analyze journalctl nc jq ip setpriv; do
	command -v $p >/dev/null || skip "$p is not installed (tools/deps --install test)"
done
[ -x "$B/terok-bpfd" ] || { echo "$B/terok-bpfd is not there (make)"; exit 1; }
[ -n "${LAB_DIR-}" ] || exec "$here/../lab/inlab.sh" timeout -k 5 290 env B="$B" bash "$0"

. "$here/../lab/nspawn.sh"
nspawn_root
cp "$B"/terok-{bpfd,clearance,hook} "$here"/../../user/oci/*.json "$here"/systemd_* "$ROOT/opt/terok/"
sed "s,@SBINDIR@,/opt/terok," "$here/../../user/terok-bpfd.service" >"$ROOT/etc/systemd/system/terok-bpfd.service"

bad=0
for script in ${ONLY-systemd_life systemd_podman}; do
	rc=0
	nspawn_boot "/opt/terok/$script $EXPOSURE" --bind-ro=/usr || rc=$?
	[ $rc != 77 ] || exit 77
	[ $rc = 0 ] || bad=1
done
exit $bad
