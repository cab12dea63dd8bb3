#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_deb_systemd.sh - the Debian package under a real systemd: its scripts, the unit, an upgrade while a
# guarded container and a guarded service connect all along, a boot, removal, purge
#
# systemd is the first process of a container (tests/lab/nspawn.sh) with the dpkg, /usr and database of
# packages of a throw-away host; deb_systemd is what is done there, in two boots of the same root folder.
export PODMANS=machine LAB_WRITE=1 LAB_TIMEOUT=280
. "$(dirname "$0")/lib.sh"
. "$HERE/deb.sh"
make_deb
for p in systemd-nspawn journalctl deb-systemd-helper; do
	command -v $p >/dev/null || skip "$p is not installed (tools/deps --install test)"
done
enter_lab
. "$HERE/../lab/nspawn.sh"

# a policy of this host that forbids starts, as images for builds have it, is not what is asked about
rm -f /usr/sbin/policy-rc.d
nspawn_root
cp -a /etc/{dpkg,ld.so.conf,ld.so.conf.d,shadow} "$ROOT/etc/"
mkdir -p "$ROOT"/var/lib/dpkg "$ROOT"/opt/terok/{tests,b}
boot() {
	nspawn_boot "/opt/terok/tests/podman/deb_systemd $1" --bind=/usr --bind=/var/lib/dpkg \
		--bind-ro="$HERE/..:/opt/terok/tests" --bind-ro="$HERE/../../VERSION:/opt/terok/VERSION" \
		--bind-ro="$B:/opt/terok/b" --setenv=B=/opt/terok/b
}
boot install
NSPAWN_AFTER=multi-user.target boot booted
