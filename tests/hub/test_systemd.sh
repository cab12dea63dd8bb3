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

# --- a root folder: /usr and what of /etc programs cannot do without ---------------------------

root=$LAB_DIR/root
mkdir -p "$root"/{etc/systemd/system,opt/terok,dev,mnt,proc,root,run,sys,tmp,usr,var}
for link in bin sbin lib lib32 lib64; do
	[ ! -L /$link ] || cp -a /$link "$root/"
done
cp -a /etc/{alternatives,group,ld.so.cache,nsswitch.conf,passwd} "$root/etc/"
cp -L /etc/os-release "$root/etc/"
echo "dev:x:61000:61000::/nonexistent:/bin/sh" >>"$root/etc/passwd"
echo "dev:x:61000:" >>"$root/etc/group"
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
cp "$B"/terok-{bpfd,clearance,hook} "$here"/../../user/oci/*.json "$root/opt/terok/"
sed "s,@SBINDIR@,/opt/terok," "$here/../../user/terok-bpfd.service" >"$root/etc/systemd/system/terok-bpfd.service"
cp "$here"/systemd_* "$root/opt/terok/"
mkdir "$LAB_DIR/out"

# the whole of /sys, as on a host; a BPF file system of this host; no network but its own
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
CALLS="bpf open_by_handle_at landlock_create_ruleset landlock_add_rule landlock_restrict_self openat2 @keyring"

# boot SCRIPT ARG...: with that as the only thing to do
boot() {
	rm -f "$LAB_DIR"/out/*
	cat >"$root/etc/systemd/system/test.service" <<-EOT
		[Service]
		Type=oneshot
		ExecStart=/bin/bash /opt/terok/$*
		ExecStopPost=/usr/bin/systemctl poweroff -ff
		TimeoutStartSec=260
	EOT
	timeout -k 5 270 systemd-nspawn --register=no --keep-unit -q -D "$root" --bind-ro=/usr \
		--bind="$LAB_DIR/out:/out" --bind=/sys/fs/bpf --private-network --capability=all \
		--system-call-filter="$CALLS" --console=pipe -b systemd.show_status=0 \
		systemd.log_color=0 systemd.unit=test.service </dev/null >"$LAB_DIR/console" 2>&1 || true
	if [ ! -e "$LAB_DIR/out/said" ]; then
		cat "$LAB_DIR/console"
		skip "systemd does not boot in a container here"
	fi
	cat "$LAB_DIR/out/said"
	if [ ! -e "$LAB_DIR/out/end" ]; then
		echo "not ok $1 comes to its end"
		tail -n 40 "$LAB_DIR/console"
	fi
	! grep -q "^not ok" "$LAB_DIR/out/said" && [ -e "$LAB_DIR/out/end" ]
}

bad=0
for script in ${ONLY-systemd_life systemd_podman}; do
	boot "$script" $EXPOSURE || bad=1
done
exit $bad
