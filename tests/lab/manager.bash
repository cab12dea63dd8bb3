# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# manager.bash - a user's service manager for a shell test, which nobody else has
#
# Sourced. The script runs three times: as it was called, where it looks whether it can be done and
# goes on with `unshare ... "$0" outside`; then manager_outside, in a mount namespace of its own,
# makes a folder and a cgroup, and takes them away; and inside, in a cgroup namespace too, after
# manager_inside, manager_begin begins the manager.
manager=/lib/systemd/systemd
dir= bad=0 manager_pid=

skip() { echo "SKIP: $1"; exit 77; }

# manager_needs PROGRAM...
manager_needs() {
	local need
	[ "$(id -u)" -eq 0 ] || skip "needs root (sudo make test)"
	[ -x $manager ] || skip "there is no service manager here (systemd)"
	for need in systemctl systemd-analyze "$@"; do
		command -v "$need" >/dev/null || skip "$need is not installed (tools/deps --install test gate)"
	done
}

manager_clear_up() {
	local i
	echo 1 >"$dir/cgroup2/$manager_cgroup/cgroup.kill" 2>/dev/null
	for ((i = 0; i < 50; i++)); do # what is killed takes a moment
		find "$dir/cgroup2/$manager_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.1
	done
	umount "$dir/cgroup2" && rm -rf "$dir"
}

# manager_outside NAME: runs the script inside, and does not return
manager_outside() {
	manager_cgroup=terok-test-$1.$$
	dir=$(mktemp -d)
	mkdir "$dir/cgroup2"
	mount -t cgroup2 none "$dir/cgroup2" || skip "no cgroup v2"
	mkdir "$dir/cgroup2/$manager_cgroup"
	trap 'manager_clear_up' EXIT
	trap 'exit 130' INT TERM HUP
	# shellcheck disable=SC2016
	bash -c 'echo $$ >"$1/cgroup2/$2/cgroup.procs" && exec unshare --cgroup "$3" inside "$1"' \
		within "$dir" "$manager_cgroup" "$0" &
	wait $!
	exit $?
}

# manager_inside DIR: where no other manager is seen
manager_inside() {
	dir=$1
	unset DBUS_SESSION_BUS_ADDRESS NOTIFY_SOCKET XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME
	export LC_ALL=C
	mount -t tmpfs none /run/systemd && mkdir /run/systemd/system
	mount -t cgroup2 none /sys/fs/cgroup || exit 1
}

# manager_begin [COMMAND...]: as whom; ctl is the script's
manager_begin() {
	local i
	"$@" $manager --user --log-target=console --log-level=notice 2>"$dir/manager.log" &
	manager_pid=$!
	trap 'kill -TERM $manager_pid 2>/dev/null; wait' EXIT
	for ((i = 0; i < 100; i++)); do
		ctl is-system-running --wait 2>/dev/null | grep -qE "running|degraded" && return
		sleep 0.1
	done
	cat "$dir/manager.log"
	skip "a user's service manager does not begin here"
}
shows() { ctl show --value -p "$2" "$1"; } # UNIT PROPERTY

# faultless UNIT...: systemd finds no mistake in them; where its manual looks for ours is not meant
faultless() {
	${as-} systemd-analyze --user verify "$@" 2>&1 | grep -v "Command 'man \|^Failed to lookup RuntimeDirectory" >"$dir/found"
	! [ -s "$dir/found" ] || { cat "$dir/found"; return 1; }
}

# is NAME COMMAND...: one case, told as tests/run counts it
is() {
	local name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/    /' "$dir/said"
		tail -n 5 "$dir/manager.log" 2>/dev/null | sed 's/^/    manager: /'
		bad=1
	fi
}
until_true() { # COMMAND...: soon
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	"$@"
}
# fails TEXT COMMAND...: with one line that has it
fails() {
	local text=$1
	shift
	if "$@" >"$dir/out" 2>"$dir/err"; then echo "done, not refused: $*"; return 1; fi
	[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -qF -- "$text" "$dir/err" || { cat "$dir/err"; return 1; }
}
# living PROGRAM: the processes of it that live, of this test alone
living() {
	local pid
	find /sys/fs/cgroup -name cgroup.procs -exec cat {} + | while read -r pid; do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
	done
}
