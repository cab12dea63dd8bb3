#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_deb.sh - the Debian package: installed, upgraded while guarded containers connect, removed,
# purged; in a throw-away host whose /usr and /var are its own
#
# There is no systemd here: what it would do between two agents is done by hand. test_deb_systemd.sh has one.
export PODMANS=machine LAB_WRITE=1 LAB_TIMEOUT=200
[ -z "${DEB_TWICE-}" ] || LAB_TIMEOUT=600
. "$(dirname "$0")/lib.sh"
. "$HERE/deb.sh"
make_deb
enter_lab
unset TEROK_PINS TEROK_RUN TEROK_STATE # the package's own places

# --- packages ----------------------------------------------------------------------------------

later_debs

# what was written here over the machine's own files, but for what dpkg keeps for itself
tree() {
	(cd "$LAB_DIR" && find usr-upper etc-upper var-upper \( -path var-upper/lib/dpkg -o -path var-upper/lib/containers -o -path etc-upper/containers -o \
		-path var-upper/cache -o -path var-upper/log -o -name ld.so.cache \) -prune -o ! -type d -printf '%p %M %u:%g %l\n' | sort)
	ls -d /etc/terok /usr/share/terok /usr/share/containers/oci /usr/libexec/terok 2>/dev/null || :
}
rm -rf /var/lib/terok
rm -f /var/lib/man-db/auto-update # an index of all manuals each time
tree >/run/before

# reproducible: packed once more, it is the same; compiled elsewhere too, if one has the minutes
sum() { sha256sum <"$DEB"; }
FIRST=$(sum)
if [ -n "${DEB_TWICE-}" ]; then
	cp -r "$HERE/../.." /run/elsewhere
	make -s -C /run/elsewhere B=/run/elsewhere/build deb >$LOG 2>&1 || fail "make deb elsewhere: $(cat $LOG)"
	for f in "$DEBS"/*.deb; do
		check "compiled elsewhere, ${f##*/} is the same" cmp "$f" "/run/elsewhere/build/deb/${f##*/}"
	done
	rm -rf /run/elsewhere
fi
if command -v lintian >/dev/null; then
	lintian --allow-root --fail-on error,warning "$DEBS"/*.deb >$LOG 2>&1 || fail "lintian: $(cat $LOG)"
	echo "ok lintian has nothing to say"
else
	echo "SKIP lintian: it is not installed (tools/deps --install deb)"
fi

# --- install -------------------------------------------------------------------------------------

start_server
# podman changes its rules for addresses with each container: a flow that begins meanwhile keeps its own
nsenter --net=/run/netns/srv ip route add 10.88.0.0/16 via 198.51.100.1
make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
AGENT=
agent() { # as systemd restarts it
	[ -z "$AGENT" ] || { kill -TERM "$AGENT"; wait "$AGENT" || fail "the agent ended with $?"; }
	rm -f /run/ready
	mkfifo /run/ready
	terok-bpfd run --ready-fd=9 9>/run/ready 2>>/run/agent.log &
	AGENT=$!
	read -r -n 1 -t 20 <>/run/ready || fail "the agent did not get ready"
}

check "it installs" dpkg_quiet -i "$DEBS"/libclearance*.deb "$DEB"
check "what a package has is there" dpkg --verify terok-bpfd
check "the manual is found" sh -c 'MANPATH=/usr/share/man man -w terok-bpfd || [ -f /usr/share/man/man8/terok-bpfd.8.gz ]'
check "the service is enabled" test -L /etc/systemd/system/multi-user.target.wants/terok-bpfd.service
check "a program links with the library" sh -c 'cc -o /run/watch /usr/share/doc/libclearance-dev/examples/watch.c \
	$(pkg-config --cflags --libs libclearance) && ldd /run/watch | grep -q "libclearance.so.0 => /"'
hooked
agent
if [ -n "$HOOKED" ]; then
	check "a container that asks for it is guarded from its first instruction" once
else
	echo "SKIP test_deb_hooks: the package has no terok-hook"
fi

# --- upgrade under guards ------------------------------------------------------------------------

guarded busy sleep 1000
# A bridge takes the lowest of its ports' addresses, with each container that comes or goes another: what
# is sent to the one before is lost, and its flow keeps a translation of that moment. One that was set stays.
ip link set dev podman0 address "$(ip -json link show podman0 | jq -r ".[0].address")"
check "what it may reach" terok-bpfd allow busy "$HOST" --port 9
podman exec busy knock on "$HOST" 9 "$PORT" 1000 >/run/busy.out 2>&1 &
KNOCK=$!

upgrade() { dpkg_quiet -i "$1" && agent; }

under_load "$ALL" "upgraded while containers start and connect" upgrade "$NEXT"
if [ -n "$HOOKED" ]; then
	# one that starts between two agents waits for the second
	for sig in TERM KILL; do
		kill -$sig "$AGENT"
		wait "$AGENT" || [ $sig = KILL ] || fail "the agent ended with $?"
		AGENT=
		once >/run/between.out 2>&1 &
		n=$!
		until busybox pidof terok-hook >/dev/null; do sleep 0.02; done
		agent
		check "a start between two agents ($sig) is guarded" wait $n
	done
fi
check "the new build's maps are there" test -e /sys/fs/bpf/terok/v1/maps/terok_extra
under_load "$ALL" "and back" upgrade "$DEB"

# a version that cannot take over what is there leaves it alone, and says so
under_load " 0 unguarded," "a version that cannot take over installs" dpkg_quiet -i "$UNFIT"
says "has another layout"
says "All of it stays guarded"
check "the agent of before goes on" sh -c "kill -0 $AGENT && busybox timeout 5 terok-clearance list"
check "and back to one that can" upgrade "$NEXT"

check "the busy one stops" podman exec busy busybox killall -TERM knock
wait $KNOCK || true
grep -q ' 0 wrong$' /run/busy.out ||
	fail "connects while versions changed: $(cat /run/busy.out; terok-bpfd status --json busy)"
echo "ok no connect was decided wrongly ($(cat /run/busy.out))"
check "it goes" podman rm -f -t 0 busy

# --- removal under guards ------------------------------------------------------------------------

guarded lasting sleep 1000
kill -TERM "$AGENT" && wait "$AGENT" || fail "the agent ended with $?"
AGENT=
check "removed while a guard stands" dpkg_quiet -r terok-bpfd
says "what runs guarded stays guarded until it ends"
says "containers that ask for a guard do not start from now on"
check "it is still guarded" podman exec lasting knock once "$HOST" "$PORT"
check "it is written down for podman" jq -e '.when.annotations' /usr/share/containers/oci/hooks.d/terok-removed.json
refuse "a container that asks for a guard does not start" once
said "terok-bpfd is removed"
check "one that does not ask does" podman run --rm localhost/bb:latest id
podman rm -f -a -t 0 >/dev/null

check "installed again" dpkg_quiet -i "$DEB"
agent
[ ! -e /usr/share/containers/oci/hooks.d/terok-removed.json ] || fail "the hook of the removal is still there"
[ -z "$HOOKED" ] || check "containers are guarded again" once
check "upgraded" upgrade "$NEXT"

# --- purged --------------------------------------------------------------------------------------

kill -TERM "$AGENT" && wait "$AGENT" || fail "the agent ended with $?"
AGENT=
check "purged" dpkg_quiet -P terok-bpfd libclearance-dev libclearance0
says "start without one from now on"
[ ! -e /sys/fs/bpf/terok ] || fail "pins are left: $(find /sys/fs/bpf/terok)"
[ ! -e /var/lib/terok ] || fail "state is left: $(find /var/lib/terok)"
tree >/run/after
check "nothing is left of it" diff /run/before /run/after
refuse "and nothing is guarded" once
[ "$(sum)" = "$FIRST" ] || fail "the package changed"
