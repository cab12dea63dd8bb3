#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_make.sh - a second make does nothing, a new VERSION is told, what is installed goes again,
# and what root built in a user's tree is the user's
#
# Works on a copy; builds the programs once.
set -u
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree" || exit 1
cd "$tree" || exit 1
unset MAKEFLAGS MAKELEVEL SUDO_UID SUDO_GID B
bad=0

is() { # is NAME CMD...: CMD succeeds
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 5 <<<"$out" | sed "s/^/   /"
		bad=1
	fi
}
quiet() { [ -z "$("$@" 2>&1 | grep -v 'Nothing to be done')" ]; }
told() { build/terok-bpfd --version | grep -qx 'terok-bpfd 9.9.9'; }
files() { find dest ! -type d | sort; }
# in the order that files() has
installed='dest/opt/bin/terok-clearance
dest/opt/bin/terok-clearance-hub
dest/opt/bin/terok-cp
dest/opt/bin/terok-gate
dest/opt/bin/terok-proxy
dest/opt/bin/terok-sandbox
dest/opt/bin/terok-why
dest/opt/include/terok/clearance.h
dest/opt/lib/libclearance.a
dest/opt/lib/libclearance.so
dest/opt/lib/libclearance.so.0
dest/opt/lib/pkgconfig/libclearance.pc
dest/opt/lib/systemd/system/terok-bpfd.service
dest/opt/lib/systemd/user/terok-clearance-bridge.service
dest/opt/lib/systemd/user/terok-clearance-hub.service
dest/opt/lib/systemd/user/terok-clearance-hub.socket
dest/opt/lib/systemd/user/terok-clearance-notifier.service
dest/opt/lib/systemd/user/terok-clearance-verdict.service
dest/opt/libexec/terok/terok-agentd
dest/opt/libexec/terok/terok-hook
dest/opt/libexec/terok/terok-signer
dest/opt/sbin/terok-bpfd
dest/opt/share/bash-completion/completions/terok-bpfd
dest/opt/share/bash-completion/completions/terok-clearance
dest/opt/share/bash-completion/completions/terok-cp
dest/opt/share/bash-completion/completions/terok-gate
dest/opt/share/bash-completion/completions/terok-proxy
dest/opt/share/bash-completion/completions/terok-sandbox
dest/opt/share/bash-completion/completions/terok-why
dest/opt/share/doc/libclearance/watch.c
dest/opt/share/man/man1/terok-clearance-hub.1
dest/opt/share/man/man1/terok-clearance.1
dest/opt/share/man/man1/terok-gate.1
dest/opt/share/man/man1/terok-proxy.1
dest/opt/share/man/man1/terok-sandbox.1
dest/opt/share/man/man1/terok-why.1
dest/opt/share/man/man3/libclearance.3
dest/opt/share/man/man5/terok-annotations.5
dest/opt/share/man/man5/terok-files.5
dest/opt/share/man/man5/terok-profile.5
dest/opt/share/man/man7/terok-firewall1.7
dest/opt/share/man/man8/terok-agentd.8
dest/opt/share/man/man8/terok-bpfd.8
dest/opt/share/man/man8/terok-cp.8
dest/opt/share/man/man8/terok-hook.8
dest/opt/share/terok/hooks/terok-createRuntime.json
dest/opt/share/terok/hooks/terok-poststop.json
dest/opt/share/terok/hooks/terok-precreate.json
dest/opt/share/terok/profiles/base.txt
dest/opt/share/terok/profiles/dev-node.txt
dest/opt/share/terok/profiles/dev-python.txt
dest/opt/share/terok/profiles/dev-standard.txt
dest/opt/share/terok/profiles/nvidia-hpc.txt
dest/opt/share/terok/terok-logo.svg
dest/opt/share/zsh/site-functions/_terok-bpfd
dest/opt/share/zsh/site-functions/_terok-clearance
dest/opt/share/zsh/site-functions/_terok-cp
dest/opt/share/zsh/site-functions/_terok-gate
dest/opt/share/zsh/site-functions/_terok-proxy
dest/opt/share/zsh/site-functions/_terok-sandbox
dest/opt/share/zsh/site-functions/_terok-why'
# into folders that others use as well
others() {
	local d
	for d in bin sbin lib/pkgconfig lib/systemd/system lib/systemd/user include share/man/man8 share/doc \
		share/bash-completion/completions share/zsh/site-functions; do
		mkdir -p "dest/opt/$d" && echo theirs >"dest/opt/$d/theirs" || return 1
	done
	mkdir -p dest/opt/libexec dest/opt/share/man/man{1,3,5,7}
}
tree_of() { find dest -printf '%p %y %m %l\n' | LC_ALL=C sort; }
install_all() { # with a umask that lets nobody read
	others && tree_of >before && (umask 077 && make install DESTDIR="$tree/dest" PREFIX=/opt) &&
		diff <(LC_ALL=C files | grep -v /theirs) - <<<"$installed"
}
modes() { # of folders, programs and all else
	! tree_of | awk '$2 == "l" { next }
		{ want = $2 == "d" || $1 ~ "/(s?bin|libexec/terok)/terok-" ? 755 : 644 }
		$1 != "dest" && $3 != want { print }' | grep .
}
no_place_of_ours() { # the program has the texts as they are before they are filled in
	! grep -rlF -e "$tree" -e "$OLDPWD" dest &&
		! grep -rlF --exclude=terok-bpfd -e @SBINDIR@ -e @BINDIR@ -e @LIBEXECDIR@ -e @PREFIX@ dest
}
activates_nothing() { [ ! -e dest/etc ] && [ ! -e dest/opt/share/containers ] && [ -z "$(find dest -name '*.wants')" ]; }
finds_program() { for v in bridge notifier serve serve-verdict; do
		grep -hx "ExecStart=/opt/bin/terok-clearance $v" dest/opt/lib/systemd/user/*.service || return 1
	done
	grep -x 'ExecStart=/opt/sbin/terok-bpfd run' dest/opt/lib/systemd/system/terok-bpfd.service &&
	jq -es 'length == 3 and all(([.hook.path] + .hook.args | index("/opt/libexec/terok/terok-hook")) and .stages == .hook.args[-1:])' \
		dest/opt/share/terok/hooks/*.json; }
finds_profiles() { grep -qa /opt/share/terok dest/opt/sbin/terok-bpfd; }
uninstall_all() { make uninstall DESTDIR="$tree/dest" PREFIX=/opt && diff before <(tree_of); }
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

is "the programs are built" make -j"$(nproc)"
is "a second make does nothing" quiet make
echo 9.9.9 >VERSION
is "a new VERSION builds again" make -j"$(nproc)"
is "a new VERSION is told" told
is "what is installed is all there" install_all
is "whatever the umask, everybody can read it" modes
is "no path of where it was built is in it" no_place_of_ours
is "nothing is active by being there" activates_nothing
is "the unit has the installed program's path" finds_program
is "the program looks where its profiles were installed" finds_profiles
is "uninstall leaves what there was before" uninstall_all
is "clean leaves nothing" eval 'make clean && [ ! -e build ]'

if [ "$(id -u)" -ne 0 ]; then
	echo "SKIP what root built is the user's: needs root"
	exit $bad
fi
chown -R 65534:65534 "$tree"
export SUDO_UID=65534 SUDO_GID=65534
as_root() { make -j"$(nproc)" install DESTDIR="$tree/dest" && B=build tests/run ./true_suite; }
printf '#!/bin/sh\n' >true_suite
chmod 755 true_suite
is "root builds, installs and tests in a user's tree" as_root
is "the user builds on" nobody make -B build/user/bpfd.o
is "the user tests on" eval '[ -z "$(B=build nobody tests/run ./true_suite 2>&1 >/dev/null)" ]'
is "the user cleans" nobody make clean
exit $bad
