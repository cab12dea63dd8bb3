# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# deb.sh - Debian packages of this tree, and containers that start and connect while they change; sourced after lib.sh
#
# A later version is the same package with the agent of another build (tests/kernel/builds): with
# other programs and one map more, or with a map that this one cannot take over.
DEBS=$B/deb
VERSION=$(cat "$HERE/../../VERSION")
ARCH=$(dpkg --print-architecture 2>/dev/null) || ARCH=none
DEB=$DEBS/terok-bpfd_${VERSION}_$ARCH.deb
LOG=/run/dpkg.out

# make_deb: DEBS has the packages, before any lab is entered
make_deb() {
	local p
	[ -z "${LAB_DIR-}" ] || return 0
	for p in dpkg-deb dpkg-shlibdeps dpkg-buildflags; do
		command -v $p >/dev/null || skip "$p is not installed (tools/deps --install deb)"
	done
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$HERE/../.." B="$B" deb >"$B/deb.log" 2>&1 || fail "make deb: $(tail "$B/deb.log")"
	chmod -R a+rX "$DEBS"
}

dpkg_quiet() { dpkg --force-unsafe-io "$@" >$LOG 2>&1; }
says() { tr -s '\n ' '  ' <$LOG | grep -q -- "$1" || fail "dpkg does not say '$1': $(cat $LOG)"; }

# later VERSION AGENT: the package with another agent; FILE is it
later() {
	dpkg-deb -R "$DEB" /run/later
	cp "$2" /run/later/usr/sbin/terok-bpfd
	sed -i "s/^Version: .*/Version: $1/" /run/later/DEBIAN/control
	FILE=/run/terok-bpfd_$1.deb
	dpkg-deb --root-owner-group -Znone -b /run/later "$FILE" >/dev/null
	rm -r /run/later
}
# later_debs: NEXT, and UNFIT, which cannot take over
later_debs() {
	later "$VERSION+1" "$B/tests/kernel/builds/other/bpfd"
	NEXT=$FILE
	later "$VERSION+2" "$B/tests/kernel/builds/grown/bpfd"
	UNFIT=$FILE
	ln -s /usr/share/terok /usr/local/share/terok # where agents of a test look for profiles
}

# hooked: without the hooks' program a container is guarded by hand, and nothing is said of its start
hooked() {
	HOOKED=
	[ ! -x /usr/libexec/terok/terok-hook ] || HOOKED=yes
}
guarded() { # NAME CMD...
	local name=$1
	shift
	podman run -d --name "$name" ${HOOKED:+--annotation terok.guard=up} localhost/bb:latest "$@" >/dev/null
	[ -n "$HOOKED" ] || terok-bpfd attach "$name"
}
once() { podman run --rm --annotation terok.guard=up localhost/bb:latest knock once "$HOST" "$PORT"; }

# starts, one after the other, until /run/enough is there: each guarded, or none at all
starts() {
	local n=0 bare=0 none=0 rc
	until [ -e /run/enough ] || [ -z "$HOOKED" ]; do
		n=$((n + 1)) rc=0
		once >>/run/starts.out 2>&1 || rc=$?
		case $rc in 0) ;; 1) bare=$((bare + 1)) ;; *) none=$((none + 1)) ;; esac
	done
	echo "$n starts, $bare unguarded, $none refused" >/run/starts
}
# under_load WANT TEXT CMD...: CMD while containers connect and start; WANT is of what starts() says
under_load() {
	local want=$1 text=$2 n
	shift 2
	rm -f /run/enough /run/starts
	: >/run/starts.out
	starts &
	n=$!
	"$@" || fail "$text: $(cat $LOG)"
	touch /run/enough
	wait $n
	grep -q "$want" /run/starts || fail "$text: $(cat /run/starts /run/starts.out)"
	echo "ok $text ($(cat /run/starts))"
}
ALL=' 0 unguarded, 0 refused'
