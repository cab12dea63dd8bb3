#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_hook.sh - root's container by the OCI hooks (runc, crun): guarded before its first
# instruction and without the means to leave unseen, or not started at all
. "$(dirname "$0")/lib.sh"
enter_lab

start_server
make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
socat -u UNIX-RECV:/dev/log,unlink-early=1 OPEN:/run/syslog,creat,append &
until [ -S /dev/log ]; do sleep 0.05; done

make_hooks
start_agent
RUNTIME=$(runtime runc)
box() { podman --hooks-dir /run/hooks --runtime "$RUNTIME" run --ulimit host --rm --name hooked "$@"; }
bare() { box "$@"; }
guarded() { box --annotation terok.guard= "$@"; }
gone() { podman rm -f -t 0 hooked >/dev/null 2>&1 || true; }
# refuse_saying TEXT SAID ARG...: with these arguments a guarded container is not started, and podman says why, and the log
refuse_saying() {
	local text=$1 why=$2
	shift 2
	: >/run/syslog
	refuse "$text" guarded "$@" localhost/bb:latest id
	gone
	said "terok: .*$why"
	for _ in $(seq 100); do # what was sent is on its way to the file
		! grep -q "terok-hook.*is not started: .*$why" /run/syslog || return 0
		sleep 0.05
	done
	fail "$text: not in the system's log: '$why': $(cat /run/syslog)"
}
try="nc -w 2 $HOST $PORT"

# what leave prints where hooks see all that there is
closed='unix made
inet made
inet6 made
netlink made
packet EAFNOSUPPORT
vsock EAFNOSUPPORT
xdp EAFNOSUPPORT
pair made
wide EAFNOSUPPORT
others none
socketcall killed
ring ENOSYS
ring_enter ENOSYS
ring_register ENOSYS
key ENOSYS'
leaves_not() { # leaves_not ARG...: a guarded container with these arguments has no way
	guarded "$@" localhost/bb:latest leave >/run/left || return 1
	diff /run/left - <<<"$closed"
}
# bit 13
raw_is_not() { "$1" --cap-add NET_RAW localhost/bb:latest grep -qx 'CapBnd:.*[014589cd]...' /proc/self/status; }
shows() { grep -qx "$1" /run/left; }

# both halves: what is refused to a guarded container, another one has
open_half() {
	bare --cap-add NET_RAW --security-opt seccomp=unconfined localhost/bb:latest leave >/run/left
	for way in packet wide socketcall ring; do
		check "$1: without the annotation: $way" shows "$way made"
	done
	check "$1: without the annotation: other families are asked of the kernel" shows "others asked"
	check "$1: without the annotation: the kernel's key program" shows "key ENOKEY"
	for way in vsock xdp; do # a kernel may have none
		if shows "$way EAFNOSUPPORT"; then
			echo "SKIP $1_$way: this kernel has no such family"
		else
			check "$1: without the annotation: $way" shows "$way made"
		fi
	done
	check "$1: without the annotation: a process in another cgroup, by a read-only mount" \
		bare -v /sys/fs/cgroup:/host:ro localhost/bb:latest leave into /host/init
}

closed_half() {
	local name=$1
	check "$name: none of it in a guarded container" leaves_not
	check "$name: nor with a capability for it" leaves_not --cap-add NET_RAW
	check "$name: nor where there was no filter" leaves_not --security-opt seccomp=unconfined
	refuse "$name: without the annotation CAP_NET_RAW is there" raw_is_not bare
	check "$name: CAP_NET_RAW is dropped" raw_is_not guarded
	refuse_saying "$name: CAP_NET_ADMIN" "it has CAP_NET_ADMIN: start it" --cap-add NET_ADMIN
	refuse_saying "$name: --privileged" "it has .*CAP_SYS_ADMIN" --privileged
	refuse_saying "$name: the host's processes" "shares a process namespace" --pid host
	refuse_saying "$name: another container's processes" "shares a process namespace" \
		--pid container:other
	refuse_saying "$name: the host's cgroups, read-only" "the host's cgroups .* at its /host:" \
		-v /sys/fs/cgroup:/host:ro
	refuse_saying "$name: what the kernel is steered by, below another mount" \
		"mounted at its /host/fs/" -v /sys:/host:ro
	refuse_saying "$name: the host's cgroups, by their namespace" "the host's cgroups" \
		--cgroupns host
	refuse_saying "$name: pinned tables" "BPF file system .* at its /pins:" -v /sys/fs/bpf:/pins
	refuse_saying "$name: the host's /proc" "the host's /proc .* at its /outside:" \
		-v /proc:/outside
	refuse_saying "$name: a writable /proc/sys" "its /proc/sys is writable" \
		--security-opt unmask=ALL
	refuse_saying "$name: every device" "every device" --device-cgroup-rule 'c *:* rwm'
	refuse_saying "$name: another filter in its place" "run.oci.seccomp_bpf_data" \
		--annotation run.oci.seccomp_bpf_data=
	check "$name: without a network it starts" leaves_not --network none
	check "$name: with a cgroup tree of its own it starts" guarded --cgroupns private \
		--systemd always localhost/bb:latest id
}

podman --runtime "$RUNTIME" run -d --name other localhost/bb:latest sleep 1000 >/dev/null
check "without the annotation nothing is guarded" bare localhost/bb:latest sh -c "$try"
for name in runc crun; do
	RUNTIME=$(runtime $name)
	if ! bare localhost/bb:latest id >/run/out 2>&1; then
		echo "SKIP hook_with_$name: it starts no container here: $(tail -n 1 /run/out)"
		continue
	fi
	check "$name: in state down its first instruction passes" \
		bare --annotation terok.guard=down localhost/bb:latest sh -c "$try"
	refuse "$name: in state up it is refused" guarded localhost/bb:latest sh -c "$try"
	gone
	refuse_saying "$name: an annotation that is no state" "'open' is none of" \
		--annotation terok.guard=open
	open_half $name
	closed_half $name
done

# createRuntime believes nobody: without precreate nothing is mended, and nothing is started
mv /run/hooks/terok-precreate.json /run/
RUNTIME=$(runtime runc)
refuse_saying "without precreate its filter is refused" "system call filter .*socketcall.* is the precreate hook installed?"
refuse_saying "without precreate no filter is refused" "no system call filter" \
	--security-opt seccomp=unconfined
refuse_saying "without precreate CAP_NET_RAW is refused" "it has CAP_NET_RAW" --cap-add NET_RAW
mv /run/terok-precreate.json /run/hooks/

# the words of the annotation: its profiles, else the default's; resolvers and ports of the host
mkdir -p /etc/terok/profiles
echo "$HOST:$PORT/tcp" >/etc/terok/profiles/server.txt
echo "# nothing" >/etc/terok/profiles/nothing.txt
with() { # with WORDS ARG...: a container with that annotation
	local words=$1
	shift
	box --annotation "terok.guard=$words" "$@" localhost/bb:latest sh -c "$try"
}
for profiles in server nothing:server; do
	check "a first instruction has what profiles $profiles allow" with "up profiles=$profiles"
done
check "its port of the host is open" with "host-ports=$PORT:1 gateway=$HOST"
refuse "another port of the host is not" with "host-ports=1 gateway=$HOST"
gone
echo server >/etc/terok/default-profiles
check "without a word it has the default's" with ""
refuse "with none it has nothing" with "profiles=none"
gone
rm /etc/terok/default-profiles
refuse_saying "a profile that is none" "no profile 'nowhere'" --annotation "terok.guard=profiles=nowhere"
refuse_saying "a word that is none" "'open=all': none of profiles" --annotation "terok.guard=up open=all"
check "what was done is in its folder" grep -q '"action":"setup"' "$TEROK_STATE/containers/hooked/audit.jsonl"

# a shield's annotations, as other programs make containers with them
mkdir -m 700 /run/shield
shield() { # shield VERSION ARG...
	local version=$1
	shift
	box --annotation terok.shield.profiles=nothing --annotation "terok.shield.version=$version" \
		--annotation terok.shield.state_dir=/run/shield --annotation terok.shield.upstream_dns=169.254.1.1 \
		"$@" localhost/bb:latest sh -c "$try"
}
refuse "a shield's container is guarded" shield 12
said "No route to host"
gone
check "its short id is in its folder" grep -qx '[0-9a-f]\{12\}' /run/shield/container.id
check "with another profile it passes" shield 12 --annotation terok.shield.profiles=server
refuse "of another version it is not started" shield 11
said "terok: annotation terok.shield.version is '11', and only 12 is known here"
gone
chmod 777 /run/shield
refuse "nor where others may write to its folder" shield 12
said "terok: state_dir '/run/shield' belongs to user 0 with mode 0777"
gone

# an image's annotation never adds to the operator's
podman image save --format oci-dir -q -o /run/image localhost/bb:latest
index=/run/image/index.json
digest=$(jq -r '.manifests[0].digest | sub("sha256:"; "")' $index)
jq -c '.annotations = {"terok.guard": "block"}' "/run/image/blobs/sha256/$digest" >/run/manifest
sum=$(sha256sum </run/manifest | cut -d' ' -f1)
cp /run/manifest "/run/image/blobs/sha256/$sum"
jq -c --arg d "sha256:$sum" --argjson n "$(stat -c %s /run/manifest)" \
	'.manifests[0] |= (.digest = $d | .size = $n)' $index >/run/index
mv /run/index $index
podman pull -q oci:/run/image >/run/out 2>&1 || fail "the image is not taken: $(cat /run/out)"
image=$(tail -n 1 /run/out)
if podman_is 5; then
	check "an image's annotation is not the container's" box "$image" sh -c "$try"
else
	refuse "an image may guard its own container" box "$image" sh -c "$try"
	gone
fi
check "the operator's word stands in for the image's" \
	box --annotation "terok.guard=up profiles=server" "$image" sh -c "$try"

# fail closed: hook and agent of different versions, and no agent at all
sed -i 's/TEROK_HOOK_VERSION=1/TEROK_HOOK_VERSION=2/' /run/hooks/terok-createRuntime.json
refuse_saying "files of another version" "files are of version 2, this agent's of 1"
jq 'del(.hook.env)' /run/hooks/terok-createRuntime.json >/run/hook && mv /run/hook /run/hooks/terok-createRuntime.json
refuse_saying "files without a version" "files are of version 0, this agent's of 1"
make_hooks
check "the control: it starts" with "up profiles=server"
stop_agent
for name in runc crun; do
	RUNTIME=$(runtime $name)
	bare localhost/bb:latest id >/dev/null 2>&1 || continue
	refuse_saying "$name: without an agent" "no agent at /run/terok/control.sock"
done
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
