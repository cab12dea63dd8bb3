# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nspawn.sh - systemd as the first process of a container, in the throw-away host of inlab.sh; sourced
#
# systemd-nspawn with this machine's /usr and an /etc of next to nothing: it boots in half a second, with
# the whole of /sys as on a host, the BPF file system of the throw-away host, and a network of its own.
# The root folder is $LAB_DIR/root; it stays between two boots, as a disk would.
ROOT=$LAB_DIR/root

# nspawn_root: the root folder, with a user "dev"
nspawn_root() {
	local link
	mkdir -p "$ROOT"/{etc/systemd/system,opt/terok,dev,mnt,proc,root,run,sys,tmp,usr,var/tmp} "$LAB_DIR/out"
	chmod 1777 "$ROOT/var/tmp"
	for link in bin sbin lib lib32 lib64; do
		[ ! -L /$link ] || cp -a /$link "$ROOT/"
	done
	cp -a /etc/{alternatives,group,ld.so.cache,nsswitch.conf,passwd} "$ROOT/etc/"
	cp -L /etc/os-release "$ROOT/etc/"
	echo "dev:x:61000:61000::/nonexistent:/bin/sh" >>"$ROOT/etc/passwd"
	echo "dev:x:61000:" >>"$ROOT/etc/group"
	: >"$ROOT/etc/fstab"
	: >"$ROOT/etc/machine-id"
	# for podman: systemd makes the cgroups; no pids controller on a hybrid host's v2, and no right to raise hard limits
	mkdir -p "$ROOT/etc/containers"
	echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$ROOT/etc/containers/policy.json"
	cat >"$ROOT/etc/containers/containers.conf" <<-'EOT'
		[containers]
		pids_limit = 0
		default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
		[engine]
		runtime = "runc"
		events_logger = "file"
		cgroup_manager = "systemd"
	EOT
}

# nspawn_boot COMMAND [NSPAWN-ARG...]: boots with bash COMMAND as the only thing to do, and prints what it
# says. After NSPAWN_AFTER, a target, if there is one. Exit: that of COMMAND; 77 when it did not boot
nspawn_boot() {
	local command=$1 rc
	local calls="bpf open_by_handle_at landlock_create_ruleset landlock_add_rule landlock_restrict_self openat2 @keyring"
	shift
	rm -f "$LAB_DIR"/out/*
	cat >"$ROOT/etc/systemd/system/test.service" <<-EOT
		[Unit]
		${NSPAWN_AFTER:+Requires=$NSPAWN_AFTER
		After=$NSPAWN_AFTER}
		[Service]
		Type=oneshot
		ExecStart=/bin/bash -c 'bash $command >/out/said 2>&1; echo \$\$? >/out/end'
		ExecStopPost=/usr/bin/systemctl poweroff -ff
		TimeoutStartSec=260
	EOT
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 \
		timeout -k 5 270 systemd-nspawn --register=no --keep-unit -q -D "$ROOT" "$@" \
		--bind="$LAB_DIR/out:/out" --bind=/sys/fs/bpf --private-network --capability=all \
		--system-call-filter="$calls" --console=pipe -b systemd.show_status=0 \
		systemd.log_color=0 systemd.unit=test.service </dev/null >"$LAB_DIR/console" 2>&1 || true
	if [ ! -e "$LAB_DIR/out/said" ]; then
		cat "$LAB_DIR/console"
		echo "SKIP systemd: it does not boot in a container here"
		return 77
	fi
	cat "$LAB_DIR/out/said"
	rc=$(cat "$LAB_DIR/out/end" 2>/dev/null) || rc=
	[ -n "$rc" ] || {
		echo "not ok $command comes to its end"
		tail -n 40 "$LAB_DIR/console"
	}
	return "${rc:-1}"
}

# nspawn_user: "dev" has a systemd of his own, begun by the first who starts user@61000.service, and podman's
# part of what a login gives
nspawn_user() {
	mkdir -p "$ROOT"/etc/pam.d "$ROOT"/home/dev/.config/containers
	cat >"$ROOT/etc/pam.d/systemd-user" <<-'EOT'
		account required pam_unix.so
		session required pam_unix.so
		session optional pam_systemd.so
	EOT
	sed -i '/^dev:/s,:/nonexistent:,:/home/dev:,' "$ROOT/etc/passwd"
	echo 'dev:*:19000:0:99999:7:::' >"$ROOT/etc/shadow"
	echo nameserver 198.51.100.53 >"$ROOT/etc/resolv.conf" # podman wants one
	echo dev:100000:65536 | tee "$ROOT/etc/subuid" >"$ROOT/etc/subgid"
	printf '[storage]\ndriver = "overlay"\n' >"$ROOT/home/dev/.config/containers/storage.conf"
	chown -R 61000:61000 "$ROOT/home/dev"
}
