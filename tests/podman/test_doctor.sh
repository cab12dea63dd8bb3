#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_doctor.sh - doctor on real containers: podman, what setup installed, who should be guarded and
# is not, and what a container attached by hand may do; each well first, then broken, then mended
. "$(dirname "$0")/lib.sh"
enter_lab

export TEROK_USER_RUN=/run/user # an agent of a test's hears no podman without it
mkdir -p /run/prefix/sbin /run/prefix/bin /run/prefix/libexec/terok
cp "$BPFD" /run/prefix/sbin/
cp "$CLEARANCE" /run/prefix/bin/
cp "$B/terok-hook" /run/prefix/libexec/terok/
DOCTOR=/run/prefix/sbin/terok-bpfd
HOOKS=/etc/containers/oci/hooks.d
UNIT=/etc/systemd/system/terok-bpfd.service

# doctor TEXT CODE CHECK WHAT [GUARD]: it ends with CODE and says WHAT
doctor() {
	local text=$1 code=$2 check=$3 what=$4 rc=0
	shift 4
	"$DOCTOR" doctor --only "$check" "$@" >/run/out 2>&1 </dev/null || rc=$?
	[ $rc = "$code" ] || fail "$text: exit $rc, not $code: $(cat /run/out)"
	said "$what"
	echo "ok $text"
}

# --- podman and setup --------------------------------------------------------------------------

doctor "podman is found, and its runtimes" 0 podman "ok    podman     podman version .* runc"
doctor "hooks that are not installed are missed" 1 hookfiles "fix: terok-bpfd setup --root"
doctor "so is the rest" 1 setup "write $UNIT: missing"
check "setup" "$DOCTOR" setup --root --yes
doctor "hooks that podman calls are well" 0 hookfiles "podman calls those in $HOOKS, version "
doctor "and the rest is" 0 setup "hooks, units and folders are this version's"
cp $HOOKS/terok-createRuntime.json /run/kept
sed -i 's/TEROK_HOOK_VERSION=[0-9]*/TEROK_HOOK_VERSION=0/' $HOOKS/terok-createRuntime.json
doctor "an old hook is found" 2 hookfiles "version 0, this program"
rm $HOOKS/terok-createRuntime.json
doctor "a hook that is not there is found" 2 hookfiles "2 of 3 hooks are in $HOOKS"
check "the fix, as it is said" "$DOCTOR" setup --root --yes
doctor "mends it" 0 hookfiles "podman calls those in $HOOKS"
cmp $HOOKS/terok-createRuntime.json /run/kept || fail "it is not the one that was there"
cp $UNIT /run/kept
rm $UNIT
doctor "a unit that is not there is found" 1 setup "write $UNIT: missing"
check "the fix" "$DOCTOR" setup --root --yes
doctor "mends it" 0 setup "are this version's"

# --- containers that should be guarded -------------------------------------------------------------

make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
start_agent
doctor "without containers nobody is unguarded" 0 unguarded "0 containers"
check "a container with the annotation starts" \
	podman run -d --ulimit host --annotation terok.guard= --name web localhost/bb:latest sleep 1000
podman run -d --ulimit host --name plain localhost/bb:latest sleep 1000 >/dev/null
doctor "it has its guard" 0 unguarded "1 containers want a guard, and have one"
doctor "its hooks are all there" 0 attached "web: 12 hooks, each the pinned program, alone" web
until "$DOCTOR" doctor --only resolver web >/dev/null 2>&1; do sleep 0.05; done
doctor "its resolver answers inside it" 0 resolver "web: port .* any name server that it asks" web
doctor "the page that says why does" 0 why "web: http://169.254.84.75/ answers inside it" web
doctor "its processes may nothing that leads out" 0 powers "web: 1 processes, none" web
doctor "and have their filter" 0 filter "web: 1 processes, each with a system call filter" web
doctor "and are where they belong" 0 strays "web: all of its processes are in its cgroup" web
podman exec web sleep 1000 &
until [ "$(podman exec web sh -c 'echo /proc/[0-9]*' | wc -w)" -ge 3 ]; do sleep 0.05; done
doctor "what was brought in by exec too" 0 strays "web: all of its processes" web
check "it loses its guard" "$DOCTOR" detach web
doctor "that is found" 2 unguarded "container web (.*) carries the annotation, and has no guard"
said "fix: terok-bpfd attach web, or start it again"
check "the fix" "$DOCTOR" attach web
doctor "mends it" 0 unguarded "1 containers want a guard, and have one"

for _ in $(seq 100); do # it begins when podman has left something in /run
	"$DOCTOR" doctor --only workers >/run/out || true
	! grep -q '3, without privileges' /run/out || break
	sleep 0.05
done
doctor "who hears podman is looked at as well" 0 workers "3, without privileges"
watcher=$(pgrep -P "$AGENT" -f -- '--worker watcher')
kill -STOP "$watcher"
doctor "stopped, it is found" 2 workers "worker watcher, pid $watcher, is stopped"
doctor "and replaced" 0 workers "3, without privileges (mended)" --fix --yes

# --- what one of them may do ---------------------------------------------------------------------

pid=$(podman inspect -f '{{.State.Pid}}' web)
home=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
[ -d "$home" ] || home=/sys/fs/cgroup/unified$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
root=${home%/libpod*}
root=${root%/libpod_parent}
mkdir "$root/elsewhere"
inside=$(pgrep -P "$pid" || true)
[ -n "$inside" ] || inside=$(grep -v "^$pid$" "$home/cgroup.procs" | head -n 1)
echo "$inside" >"$root/elsewhere/cgroup.procs"
doctor "a process that was moved out is found" 2 strays "web: pid $inside is of this container, and is in .*/elsewhere" web
echo "$inside" >"$home/cgroup.procs"
doctor "back again it is well" 0 strays "web: all of its processes are in its cgroup" web
rmdir "$root/elsewhere"

podman run -d --ulimit host --cap-add NET_ADMIN --cap-add NET_RAW --name mighty localhost/bb:latest sleep 1000 >/dev/null
podman run -d --ulimit host --security-opt seccomp=unconfined --name loose localhost/bb:latest sleep 1000 >/dev/null
podman run -d --ulimit host --pid host --name open localhost/bb:latest sleep 1000 >/dev/null
for name in mighty loose open; do "$DOCTOR" attach $name >/dev/null; done
doctor "capabilities that lead out are found" 1 powers "mighty: pid .* CAP_NET_ADMIN CAP_NET_RAW: it may leave" mighty
said "fix: start it without --privileged and --cap-add"
doctor "the others have none" 0 powers "loose: 1 processes, none" loose
doctor "a container without a filter is found" 1 filter "loose: .*1 of 1 processes in all, have no system call filter" loose
doctor "one with the host's processes too" 1 strays "open: it shares the host's processes" open

# --- a user's -------------------------------------------------------------------------------------

make_user
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
# with hooks as setup made them it would be guarded: users' podman reads root's configuration too
mkdir /run/nohooks
as_dev podman --hooks-dir /run/nohooks run -d --name mine --annotation terok.guard= --cgroup-parent /user-61000/task \
	localhost/bb:latest sleep 1000 >/run/out 2>&1 || fail "$(cat /run/out)"
doctor "a user's container with the annotation and no guard is found" 2 unguarded \
	"container 61000:mine (.*) carries the annotation, and has no guard"
check "the fix" "$DOCTOR" attach 61000:mine
doctor "mends it" 0 unguarded "2 containers want a guard, and have one"
doctor "its hooks are all there" 0 attached "mine: 12 hooks, each the pinned program, alone" mine
doctor "what it may do is asked too" 0 container "mine: . process.*, none with a capability that leads out" mine
said "ok    strays     mine: all of its processes are in its cgroup"
until "$DOCTOR" doctor --only resolver mine >/dev/null 2>&1; do sleep 0.05; done
doctor "its resolver answers inside it" 0 resolver "mine: port .* any name server that it asks" mine
config=$(find /home/dev/.local/share/containers -name config.json | head -n 1)
mv "$config" "$config.kept"
"$DOCTOR" detach mine >/dev/null
mkfifo "$config"
chown dev: "$config"
doctor "what a user puts there does not hang it" 0 unguarded "1 containers want a guard"
rm "$config"
# root's rights are not for following a user's links
ln -s "$config.kept" "$config"
doctor "nor is it followed elsewhere" 0 unguarded "1 containers want a guard"
rm "$config"
mv "$config.kept" "$config"
as_dev podman rm -f -t 0 -a >/dev/null

# --- all of it --------------------------------------------------------------------------------------

podman rm -f -t 0 mighty loose open >/dev/null
for _ in $(seq 100); do
	"$DOCTOR" status >/run/out
	grep -q 'mighty\|loose\|open \|mine' /run/out || break
	sleep 0.05
done
"$DOCTOR" doctor --json >/run/all 2>/run/out || [ $? = 1 ] || fail "all of it: $(cat /run/all)"
jq -e '[.checks[] | select(.verdict == "fail")] == []' /run/all >/run/out || fail "something fails: $(cat /run/all)"
jq -e '[.checks[] | select(.verdict == "warn") | .check] - ["clock"] == []' /run/all >/run/out ||
	fail "something warns: $(jq -c '.checks[] | select(.verdict == "warn")' /run/all)"
jq -e '[.checks[].check] | unique | length >= 35' /run/all >/run/out || fail "few checks: $(jq -c '[.checks[].check] | unique' /run/all)"
echo "ok all of it is well but for the clock, which is the machine's"

podman rm -f -t 0 -a >/dev/null
stop_agent
check "unload" "$DOCTOR" unload
