#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_rootless.sh - a user's container (crun): found by root, refused, asked about, allowed;
# one without a cgroup of its own is refused with the way to mend it
. "$(dirname "$0")/lib.sh"
enter_lab
for p in newuidmap slirp4netns setpriv; do
	command -v $p >/dev/null || skip "$p is not installed (apt-get install uidmap slirp4netns)"
done

start_server
make_image
groupadd -g 61000 dev
useradd -m -u 61000 -g dev -K UID_MAX=61000 -s /bin/bash dev
# not given by useradd where login.defs has other ideas of a user's number
grep -q ^dev: /etc/subuid || usermod --add-subuids 100000-165535 --add-subgids 100000-165535 dev
install -d -o dev -g dev -m 700 /run/user/61000
group=/sys/fs/cgroup/user-61000 # what a login would delegate
mkdir -p $group/login
chown -R dev:dev $group
mkdir -p /home/dev/.config/containers
printf '[storage]\ndriver = "overlay"\n' >/home/dev/.config/containers/storage.conf
printf '[engine]\nruntime = "crun"\n' >/home/dev/.config/containers/containers.conf
chown -R dev:dev /home/dev

as_dev() {
	(
		echo $BASHPID >$group/login/cgroup.procs
		cd /home/dev || exit 1
		exec setpriv --reuid 61000 --regid 61000 --init-groups \
			env -i PATH="$PATH" HOME=/home/dev XDG_RUNTIME_DIR=/run/user/61000 "$@"
	)
}

as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
as_dev podman run -d --name mine --cgroup-parent /user-61000/task localhost/bb:latest \
	sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
as_dev podman run -d --name shared localhost/bb:latest sleep 1000 >/run/out 2>&1 ||
	fail "$(cat /run/out)"

check "load" "$BPFD" load
start_agent
start_client
walk mine as_dev podman exec mine nc -w 2 "$HOST" "$PORT"

check "attach names the user" "$BPFD" attach dev:mine
check "the owner is the user" sh -c "$BPFD status --json | grep -q 61000"
check "detach" "$BPFD" detach mine
refuse "another user has none of that name" "$BPFD" attach root:mine

refuse "a cgroup that is shared with the user's shell" "$BPFD" attach shared
grep -q -- --cgroup-parent /run/out || fail "the error does not say how to mend it: $(cat /run/out)"

stop_agent
check "unload" "$BPFD" unload
as_dev podman rm -f -t 0 -a >/dev/null
