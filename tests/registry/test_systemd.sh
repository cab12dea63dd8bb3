#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_systemd.sh - root's control plane: units of the system, with a real systemd and a real podman
#
# systemd is process 1 of a container (systemd-nspawn) in the throw-away host of tests/lab, as in
# tests/hub/test_systemd.sh; systemd_root is what is done there.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
B=$(readlink -f "${B:-$here/../../build}")

skip() { echo "SKIP: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root (sudo make test)"
for p in systemd-nspawn systemd-analyze journalctl openssl jq podman; do
	command -v $p >/dev/null || skip "$p is not installed (tools/deps --install test podman)"
done
[ -x "$B/terok-cp" ] || { echo "$B/terok-cp is not there (make)"; exit 1; }
[ -n "${LAB_DIR-}" ] || exec "$here/../lab/inlab.sh" timeout -k 5 290 env B="$B" bash "$0"

. "$here/../lab/nspawn.sh"
nspawn_root
mkdir -p "$ROOT/var/lib" "$ROOT/etc/ssl"
cp -a /etc/ssl/openssl.cnf "$ROOT/etc/ssl/" 2>/dev/null || true
cp "$B/terok-cp" "$here/systemd_root" "$ROOT/opt/terok/"
nspawn_boot /opt/terok/systemd_root --bind-ro=/usr
