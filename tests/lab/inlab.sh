#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# inlab.sh CMD [ARG...] - run CMD as root in a throw-away host
#
# CMD sees its own mounts, network (loopback only), processes, cgroup2 tree, bpffs, /run,
# /etc, /dev, /home and container storage; writes to any of them are gone afterwards, and
# whatever CMD started dies with it. /tmp is the real one. Exit: that of CMD; 77 when this
# machine cannot make such a host, with the reason. Two may run side by side.
#
# LAB_OVER=DIR: what is in DIR/usr and DIR/etc lies over the machine's own, as programs of another
# release with their libraries do (tests/podman/fetch). /usr is read-only then.
#
# LAB_WRITE=1: /usr and /var may be written as well, which is gone afterwards like the rest: packages
# can be installed.
#
# Put a timeout on CMD, not on this: inlab.sh timeout 60 bash test.sh
set -eu -o pipefail

cannot() { echo "inlab: SKIP: $*" >&2; exit 77; }

[ $# -gt 0 ] || { echo "usage: inlab.sh CMD [ARG...]" >&2; exit 2; }
[ "$(id -u)" = 0 ] || cannot "needs root"
command -v unshare >/dev/null || cannot "needs unshare (apt-get install util-linux)"

# stage 2: inside all namespaces, process 1
if [ "${1-}" = --inside ]; then
	shift
	dir=$LAB_DIR
	mount -t proc proc /proc
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /run/netns /run/lock /run/user
	for d in etc-upper etc-work containers home dev; do mkdir -p "$dir/$d"; done
	below=/etc
	if [ -n "${LAB_OVER-}" ]; then
		below=$LAB_OVER/etc:/etc
		mount -t overlay overlay -o "lowerdir=$LAB_OVER/usr:/usr" /usr
	fi
	if [ -n "${LAB_WRITE-}" ]; then
		for d in usr var; do
			mkdir "$dir/$d-upper" "$dir/$d-work"
			mount -t overlay overlay -o "lowerdir=/$d,upperdir=$dir/$d-upper,workdir=$dir/$d-work" /$d
		done
	fi
	mount -t overlay overlay -o "lowerdir=$below,upperdir=$dir/etc-upper,workdir=$dir/etc-work" /etc
	mkdir -p /var/lib/containers
	mount --bind "$dir/containers" /var/lib/containers
	mount --bind "$dir/home" /home

	# the namespace's own cgroup is the root of this mount
	umount -R /sys/fs/cgroup
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t bpf bpf /sys/fs/bpf

	# rootless podman wants fuse and tun for everybody; the real /dev is left alone
	mount -t tmpfs -o mode=755 tmpfs "$dir/dev"
	while read -r name major minor; do
		mkdir -p "$(dirname "$dir/dev/$name")"
		mknod -m 666 "$dir/dev/$name" c "$major" "$minor"
	done <<-'NODES'
		null 1 3
		zero 1 5
		full 1 7
		random 1 8
		urandom 1 9
		tty 5 0
		fuse 10 229
		net/tun 10 200
	NODES
	mkdir "$dir/dev/pts" "$dir/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$dir/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
	ln -s pts/ptmx "$dir/dev/ptmx"
	ln -s /proc/self/fd "$dir/dev/fd"
	ln -s fd/0 "$dir/dev/stdin"
	ln -s fd/1 "$dir/dev/stdout"
	ln -s fd/2 "$dir/dev/stderr"
	mount --rbind "$dir/dev" /dev

	ip link set lo up
	hostname lab
	# no pids controller on a hybrid host's v2, and no right to raise hard limits
	mkdir -p /etc/containers
	cat >/etc/containers/containers.conf <<-'CONF'
		[containers]
		pids_limit = 0
		default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
		[engine]
		cgroup_manager = "cgroupfs"
		runtime = "runc"
		events_logger = "file"
		[network]
		network_backend = "netavark"
	CONF
	exec "$@"
fi

# stage 1: a cgroup that becomes the root of the lab's cgroup namespace
root=$(awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' \
	/proc/self/mountinfo)
[ -n "$root" ] || cannot "no cgroup2 is mounted (v1 only?)"
LAB_DIR=$(mktemp -d /tmp/terok-lab.XXXXXX)
cgroup=$root/${LAB_DIR##*/}
export LAB_DIR

# shellcheck disable=SC2317 # called by trap
clean_up() {
	# the lab's processes are dead, but the kernel may still be taking them down: it tells
	# when the cgroup is empty; 10 s are far more than that takes
	if [ -d "$cgroup" ]; then
		echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || :
		for _ in $(seq 100); do
			find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || :
			[ -d "$cgroup" ] || break
			sleep 0.1
		done
		[ ! -d "$cgroup" ] || echo "inlab: cgroup $cgroup is still busy" >&2
	fi
	rm -rf --one-file-system "$LAB_DIR"
}
trap clean_up EXIT
mkdir "$cgroup" "$cgroup/init"
self=$(readlink -f "$0")
rc=0
(
	# be in the future root while the namespace is made, then leave it: podman can only
	# delegate controllers from a cgroup without processes
	echo $BASHPID >"$cgroup/cgroup.procs"
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec unshare --cgroup bash -c '
		echo $$ >"$0/init/cgroup.procs"
		exec unshare --mount --net --pid --ipc --uts --fork --kill-child \
			--propagation private bash "$@"' "$cgroup" "$self" --inside "$@"
) || rc=$?
exit $rc
