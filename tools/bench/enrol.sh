#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# enrol.sh BUILD SOURCE - in a throw-away host: for each line on stdin one podman run, plain or
# guarded, or one that goes on by itself, by podman or by terok-sandbox, and on stdout how long it
# took in nanoseconds; also an agent of its own
set -eu
build=$1 source=$2
export TEROK_PINS=/sys/fs/bpf/terok TEROK_RUN=/run/terok TEROK_STATE=/run/terok-state
export TEROK_DATA=$source/../../user

root=/run/rootfs
mkdir -p $root/bin $root/etc /run/hooks
cp "$(command -v busybox)" $root/bin/busybox
ln -s busybox $root/bin/id
ln -s busybox $root/bin/sleep
echo root:x:0:0::/:/bin/sh >$root/etc/passwd
tar -C $root -c . | podman import -q - localhost/bench:latest >/dev/null 2>&1
for stage in precreate createRuntime poststop; do
	sed "s,@LIBEXECDIR@,$build," "$source/../../user/oci/terok-$stage.json" >/run/hooks/$stage.json
done
mkfifo /run/ready
"$build/terok-bpfd" run --ready-fd=9 9>/run/ready 2>/run/agent.log &
read -r -n 1 -t 20 <>/run/ready

sed -i 's,^\[engine\],[engine]\nhooks_dir = ["/run/hooks"],' /etc/containers/containers.conf
export TEROK_SANDBOX_STATE_DIR=/run/sandbox PATH=$build:$PATH
by_podman() { podman run -d --annotation terok.guard= --network none --name box -w / localhost/bench:latest sleep 1000 >/dev/null 2>/run/err; }
by_sandbox() { terok-sandbox run box --network none --workdir / -- localhost/bench:latest sleep 1000 >/dev/null 2>/run/err; }
box() { podman --hooks-dir /run/hooks run --rm --network none "$@" localhost/bench:latest id >/dev/null 2>/run/err; }
box && box --annotation terok.guard= || { cat /run/err >&2; exit 77; } # and what is read once is read
echo ready
while read -r kind; do
	case $kind in
	plain) set -- ;;
	guarded) set -- --annotation terok.guard= ;;
	esac
	start=${EPOCHREALTIME/./}
	case $kind in
	by_*) $kind || { cat /run/err >&2; exit 1; } ;;
	*) box "$@" ;;
	esac
	took=$(((${EPOCHREALTIME/./} - start) * 1000))
	[ "$kind" = "${kind#by_}" ] || podman rm -f -t 0 box >/dev/null
	echo $took
done
kill %1
wait || true
