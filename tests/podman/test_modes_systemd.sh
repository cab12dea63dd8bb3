#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_modes_systemd.sh - as test_modes_table.sh, where systemd makes the cgroups: the first process for root's
# containers, and a user's own for that user's
#
# In a container of systemd-nspawn (tests/lab/nspawn.sh), with each podman; modes_systemd is what is done there.
LAB_TIMEOUT=${LAB_TIMEOUT:-200}
. "$(dirname "$0")/lib.sh"
for p in systemd-nspawn journalctl newuidmap slirp4netns; do
	command -v $p >/dev/null || skip "$p is not installed (tools/deps --install test podman)"
done
[ -e /usr/lib/systemd/user/dbus.socket ] || skip "dbus-user-session is not installed (tools/deps --install podman)"
enter_lab
. "$HERE/../lab/nspawn.sh"
. "$HERE/modes.sh"

nspawn_root
nspawn_user
mkdir -p "$ROOT"/opt/terok/{user,tests,b}
NSPAWN_AFTER=basic.target nspawn_boot /opt/terok/tests/podman/modes_systemd --bind-ro=/usr --bind-ro="$B:/opt/terok/b" --bind=/dev/fuse \
	--bind-ro="$HERE/..:/opt/terok/tests" --bind-ro="$HERE/../../user:/opt/terok/user" --bind=/dev/net/tun
modes_compare "$LAB_DIR/out/rows"
