#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_setup.sh - terok-bpfd setup for root and for a user: made, made again, outdated, edited,
# of somebody else, without room, ended half-way, taken away; and podman calls what it installed
. "$(dirname "$0")/lib.sh"
enter_lab
command -v script >/dev/null || skip "script is not installed (bsdutils)"

# programs as `make install` puts them, in a tree of this test's own
mkdir -p /run/prefix/sbin /run/prefix/bin /run/prefix/libexec/terok
cp "$BPFD" /run/prefix/sbin/
cp "$CLEARANCE" /run/prefix/bin/
HOOK=/run/prefix/libexec/terok/terok-hook
SETUP=/run/prefix/sbin/terok-bpfd
stub_hook() { # one that notes that it was called
	printf '#!/bin/sh\necho "$1" >>/run/called\n[ "$1" != precreate ] || exec cat\n' >$HOOK
	chmod 755 $HOOK
	: >/run/called
	chmod 666 /run/called
}
stub_hook
make_user
unset TEROK_STATE TEROK_RUN
export TEROK_STATE=/run/terok-state TEROK_RUN=/run/terok

ROOT_HOOKS=/etc/containers/oci/hooks.d
USER_HOOKS=/home/dev/.local/share/containers/oci/hooks.d
NAMES="terok-createRuntime.json terok-poststop.json terok-precreate.json"

# tree FOLDER...: everything in them, to compare
tree() {
	find "$@" -printf '%p %y %m %U %G %l\n' | sort
	find "$@" -type f -exec cksum {} + | sort
}
# the record has its own order, and a look at pins leaves a lock
world() { { tree /etc /home/dev /run/terok /run/terok-state 2>/dev/null || :; } | grep -v '/policy.lock\|^[0-9].*/run/terok-state/setup$'; }
# same TEXT FILE: the world is as FILE has it
same() {
	world >/run/now
	diff "$2" /run/now >/run/out || fail "$1: $(cat /run/out)"
	echo "ok $1"
}
# exits N TEXT CMD...
exits() {
	local want=$1 text=$2 rc=0
	shift 2
	"$@" >/run/out 2>&1 </dev/null || rc=$?
	[ $rc = "$want" ] || fail "$text: exit $rc, not $want: $(cat /run/out)"
	echo "ok $text"
}
quiet() { [ "$(cat /run/out)" = "all is as it should be" ] || fail "not quiet: $(cat /run/out)"; }
kept() { cmp -s "$1" "$2" || fail "$1 was changed"; }
root_setup() { "$SETUP" setup --root "$@"; }
user_setup() { as_dev "$SETUP" setup --user "$@"; }

# --- for whom -----------------------------------------------------------------------------

exits 1 "root's and a user's are two things" "$SETUP" setup --root --user
said "choose one"
exits 1 "without a terminal nobody is asked" "$SETUP" setup
said "--root for the machine, --user for"
exits 1 "a user cannot set up the machine" as_dev "$SETUP" setup --root
said "sudo terok-bpfd setup --root"
exits 1 "root has no user's setup" "$SETUP" setup --user
world >/run/before
script -qec "$SETUP setup" /dev/null <<<"x" >/run/out 2>&1 || fail "a cancelled setup fails"
said "Choose \[r/u\]: "
said "Cancelled."
same "and changes nothing" /run/before
mv $HOOK $HOOK.away
exits 1 "without its hook program nothing is set up" root_setup
said "make install"
mv $HOOK.away $HOOK
same "and nothing is changed" /run/before

# --- root: the life of a setup ------------------------------------------------------------

# a configuration as people have it, with comments, and without an end of its last line
printf '# mine\n[containers]\npids_limit = 0 # why\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n[engine] # e\n# runc\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n[network]\nnetwork_backend = "netavark"' \
	>/etc/containers/containers.conf
chmod 640 /etc/containers/containers.conf
world >/run/before

exits 0 "root: a dry run" root_setup --dry-run
said "^write .*$ROOT_HOOKS/terok-createRuntime.json (missing)"
same "root: a dry run changes nothing" /run/before
exits 1 "root: a check says what is missing" root_setup --check
said "^missing .*/terok-poststop.json"
same "root: a check changes nothing" /run/before
umask 077
exits 0 "root: set up" root_setup
umask 022
said "^make .*$ROOT_HOOKS (mode 0755)"
said "^edit .*/etc/containers/containers.conf"
for name in $NAMES; do
	jq -e "[.hook.path, .hook.args[1]] | index(\"$HOOK\")" $ROOT_HOOKS/$name >/dev/null || fail "$name: $(cat $ROOT_HOOKS/$name)"
	[ "$(stat -c %a:%u $ROOT_HOOKS/$name)" = 644:0 ] || fail "$name: mode"
done
[ "$(stat -c %a $ROOT_HOOKS /run/terok /run/terok-state /etc/terok/profiles | tr '\n' ' ')" = "755 755 700 755 " ] ||
	fail "modes of folders"
grep -qx "ExecStart=/run/prefix/sbin/terok-bpfd run" /etc/systemd/system/terok-bpfd.service || fail "unit"
[ "$(stat -c %a /etc/containers/containers.conf)" = 640 ] || fail "the mode of containers.conf"
world >/run/after
exits 0 "root: set up again" root_setup
quiet
same "root: again changes nothing" /run/after
exits 0 "root: a check is content" root_setup --check
quiet
exits 0 "the same for programs" root_setup --check --json
[ "$(jq -r '"\(.scope) \(.changes) \(.findings) \(.hooks_dir)"' /run/out)" = "root 0 0 $ROOT_HOOKS" ] || fail "JSON: $(cat /run/out)"
check "status says where hooks are" sh -c "$SETUP status | grep -q 'hooks: *installed in $ROOT_HOOKS'"

# --- files that are not as they were -------------------------------------------------------

H=$ROOT_HOOKS/terok-createRuntime.json
cp $H /run/good
older() { sed 's/TEROK_HOOK_VERSION=[0-9]*/TEROK_HOOK_VERSION=0/' /run/good; }
older >$H
mv /run/terok-state/setup /run/record
exits 1 "an older version is stale" root_setup --check
said "^stale .*terok-createRuntime.json (outdated: version 0, now"
check "status says so too" sh -c "$SETUP status | grep -q 'have version 0, this program'"
exits 0 "an older version is replaced" root_setup
said "^replace .*terok-createRuntime.json"
kept $H /run/good
sed 's/TEROK_HOOK_VERSION=[0-9]*/TEROK_HOOK_VERSION=99999/' /run/good >$H
cp $H /run/theirs
exits 1 "a newer version is left alone" root_setup
said "^keep .*version 99999 is newer than version"
kept $H /run/theirs
echo '{"version":"1.0.0"}' >$H
cp $H /run/theirs
exits 1 "one without a version is refused" root_setup --force
said "^refuse .*$H (it has no version"
kept $H /run/theirs
check "status takes it for stale" sh -c "$SETUP status --json | jq -e '.setup.health == \"stale-hooks\"'"
cp /run/good $H
cp /run/record /run/terok-state/setup
sed -i 's/"timeout": 30/"timeout": 31/' $H
cp $H /run/theirs
exits 1 "an edited file is kept" root_setup
said "^keep .*it was changed since it was installed"
kept $H /run/theirs
exits 1 "an edited file is kept when the rest is removed" sh -c "$SETUP setup --root --remove --dry-run | grep '^keep' && exit 1"
exits 0 "an edited file is replaced if that is wanted" root_setup --force
kept $H /run/good
same "and all is as it was" /run/after

# programs in another place; hooks of before, which call a verb that is no more
cp -r /run/prefix /run/moved
exits 1 "programs in another place make it stale" /run/moved/sbin/terok-bpfd setup --root --check
said "programs are in another place now"
cat >$ROOT_HOOKS/terok-bpfd.json <<'EOT'
{
	"version": "1.0.0",
	"hook": {
		"path": "/usr/local/sbin/terok-bpfd",
		"args": ["terok-bpfd", "hook", "createRuntime"],
		"timeout": 30
	},
	"when": { "annotations": { "^terok\\.guard$": ".*" } },
	"stages": ["createRuntime"]
}
EOT
exits 0 "a hook of before is removed" root_setup
said "^remove .*terok-bpfd.json (what it calls is no more)"
same "and all is as it was" /run/after

# packaged units: as new as ours none is needed here; an older one is stood in for
if mkdir -p /run/packaged/systemd/system && mount --bind /run/packaged /usr/local/lib 2>/dev/null; then
	cp /etc/systemd/system/terok-bpfd.service /run/packaged/systemd/system/
	exits 0 "where a unit is packaged ours goes" root_setup
	said "^remove .*it hides the one in /usr/local/lib/systemd/system"
	[ ! -e /etc/systemd/system/terok-bpfd.service ] || fail "it is there"
	sed -i '1s/[0-9]*$/0/' /run/packaged/systemd/system/terok-bpfd.service
	exits 0 "one that is older is stood in for" root_setup
	said "^write .*/etc/systemd/system/terok-bpfd.service"
	umount /usr/local/lib
fi

# packaged hooks: none of ours is needed, but the line is, for users' podman
cp -a /usr/share/containers /run/shared
mkdir -p /run/shared/oci/hooks.d
cp $ROOT_HOOKS/*.json /run/shared/oci/hooks.d
mount --bind /run/shared /usr/share/containers
exits 0 "where hooks are packaged ours go" root_setup
said "^remove .*$ROOT_HOOKS/terok-precreate.json (it hides one that is provided)"
[ -z "$(ls $ROOT_HOOKS)" ] || fail "$(ls $ROOT_HOOKS)"
check "and the line stays, for users" grep -q 'hooks_dir = \["/usr/share/containers/oci/hooks.d", "/etc' /etc/containers/containers.conf
chmod 644 /etc/containers/containers.conf
user_setup --dry-run >/run/out
chmod 640 /etc/containers/containers.conf
! grep -q hooks.d /run/out || fail "a user does not have them: $(cat /run/out)"
echo "ok which makes them have them"
exits 0 "once" root_setup
quiet
umount /usr/share/containers
exits 0 "without the package ours come back" root_setup

# --- the way back --------------------------------------------------------------------------

rm -f /run/terok/policy.lock
exits 0 "root: removed" root_setup --remove
said "^edit .*/etc/containers/containers.conf"
same "root: the way back leaves what there was" /run/before
exits 0 "root: removed again" root_setup --remove
said "^nothing to remove"
same "root: and nothing is changed" /run/before
for conf in '' '[containers]\npids_limit = 0\n' '[engine]' '[engine]\r\nruntime = "runc"\r\n'; do
	printf "$conf" >/etc/containers/containers.conf
	world >/run/before
	root_setup >/run/out
	grep -q 'hooks_dir = .*by terok-bpfd setup' /etc/containers/containers.conf || fail "no line: $conf"
	root_setup --remove >/run/out
	same "containers.conf '$conf' and back" /run/before
done
rm /etc/containers/containers.conf
world >/run/before
root_setup >/run/out
check "a containers.conf of ours" grep -q hooks_dir /etc/containers/containers.conf
root_setup --remove >/run/out
same "goes with the rest" /run/before
printf '[engine]\nhooks_dir = [ # theirs\n  "/run/folder",\n]\n' >/etc/containers/containers.conf
mkdir /run/folder.d && ln -s folder.d /run/folder
world >/run/before
exits 0 "root: where podman is told to look" root_setup
[ -f /run/folder/terok-poststop.json ] || fail "not there: $(cat /run/out)"
root_setup --remove >/run/out
same "root: and back from there" /run/before
rm -r /run/folder /run/folder.d

# --- links, no room, no writing ------------------------------------------------------------

rm /etc/containers/containers.conf
mkdir -p /run/elsewhere /etc/containers/oci
ln -s /run/elsewhere $ROOT_HOOKS
exits 1 "a link that leads away is not followed" root_setup
said "a link on the way leads to another place"
[ -z "$(ls /run/elsewhere)" ] || fail "something is there"
rm $ROOT_HOOKS
root_setup --remove >/run/out
mkdir $ROOT_HOOKS
ln -s /run/elsewhere/x $ROOT_HOOKS/terok-poststop.json
exits 1 "a file that is a link is refused" root_setup
said "^refuse .*is a link"
[ -L $ROOT_HOOKS/terok-poststop.json ] || fail "the link was replaced"
rm $ROOT_HOOKS/terok-poststop.json
exits 0 "without it the rest is made" root_setup
root_setup --remove >/run/out
mkdir -p $ROOT_HOOKS
chmod 777 $ROOT_HOOKS
exits 1 "nothing is put where others may write" root_setup
said "others may write to"
chmod 755 $ROOT_HOOKS
root_setup --remove >/run/out
mkdir -p $ROOT_HOOKS

mount -t tmpfs -o size=4k,mode=755 tmpfs $ROOT_HOOKS
head -c 4096 /dev/zero >$ROOT_HOOKS/full
exits 1 "no room: said" root_setup
said "write $ROOT_HOOKS/terok-.*: No space left on device"
[ "$(ls -A $ROOT_HOOKS)" = full ] || fail "half a file: $(ls -A $ROOT_HOOKS)"
rm $ROOT_HOOKS/full
umount $ROOT_HOOKS
root_setup --remove >/run/out
mkdir -p $ROOT_HOOKS
root_setup >/run/out
older >$H
rm /run/terok-state/setup
mount --bind $ROOT_HOOKS $ROOT_HOOKS
mount -o remount,bind,ro $ROOT_HOOKS
exits 1 "read-only: said" root_setup
said "write $H: Read-only file system"
older | cmp - $H || fail "not the old file"
umount $ROOT_HOOKS
exits 0 "and a second run does the rest" root_setup
kept $H /run/good
root_setup --remove --force >/run/out
rm -rf /etc/containers/oci /etc/containers/containers.conf

# --- ended half-way, at every place --------------------------------------------------------

printf '[engine] # mine\n[network]\n' >/etc/containers/containers.conf
world >/run/before
root_setup >/run/out
world >/run/after
# a shell in between, which says of whom it started that it was killed
dies() {
	DIES_AT=$1 SO=$B/tests/podman/dies.so bash -c 'LD_PRELOAD=$SO "$@"; exit $?' sh "$SETUP" setup --root "${@:2}" >/dev/null 2>&1
}
whole() { # no file is half
	local f
	for f in $ROOT_HOOKS/*.json; do
		[ ! -e "$f" ] || cmp -s "$f" <(tail -c +1 "/run/whole/${f##*/}") || fail "$1: $f is half"
	done
	case $(cksum </etc/containers/containers.conf) in
	"$CONF_BEFORE" | "$CONF_AFTER") ;;
	*) fail "$1: containers.conf is half" ;;
	esac
}
cp -r $ROOT_HOOKS /run/whole
CONF_AFTER=$(cksum </etc/containers/containers.conf)
root_setup --remove >/run/out
CONF_BEFORE=$(cksum </etc/containers/containers.conf)
same "there and back" /run/before
n=0
while n=$((n + 1)); ! dies $n; do
	whole "set up, ended at $n"
	root_setup >/run/out 2>&1 || fail "set up after it was ended at $n: $(cat /run/out)"
	world >/run/now
	diff /run/after /run/now >/run/out || fail "set up after it was ended at $n: $(cat /run/out)"
	root_setup --remove >/run/out || fail "removed after $n"
	world >/run/now
	diff /run/before /run/now >/run/out || fail "removed after it was ended at $n: $(cat /run/out)"
done
[ $n -gt 30 ] || fail "it was ended at $n places only"
echo "ok ended at each of $((n - 1)) places a second run completes it"
m=0
while m=$((m + 1)); ! dies $m --remove; do
	whole "removed, ended at $m"
	root_setup --remove >/run/out 2>&1 || fail "removed after it was ended at $m: $(cat /run/out)"
	[ ! -e $ROOT_HOOKS ] && [ ! -e /etc/systemd/system/terok-bpfd.service ] || fail "something is left after $m"
	[ "$(cksum </etc/containers/containers.conf)" = "$CONF_BEFORE" ] || fail "containers.conf after $m"
	root_setup >/run/out
done
[ $m -gt 10 ] || fail "the removal was ended at $m places only"
echo "ok and the same of a removal, at $((m - 1)) places"

# --- systemd: asked only if it runs --------------------------------------------------------

cat >/run/systemctl <<'EOT'
#!/bin/sh
echo "$*" >>/run/systemctl.log
case $* in
*is-enabled*) [ -e /run/enabled ] ;;
*"enable --now"*) touch /run/enabled ;;
*disable*) rm -f /run/enabled ;;
esac
EOT
chmod 755 /run/systemctl
: >/run/systemctl.log
chmod 666 /run/systemctl.log
if [ -x /usr/bin/systemctl ]; then
	mount --bind /run/systemctl /usr/bin/systemctl
	mkdir -p /run/systemd/system
	exits 0 "where systemd runs the agent is enabled" root_setup
	said "^run .*systemctl daemon-reload"
	said "^run .*systemctl enable --now terok-bpfd.service"
	exits 0 "once" root_setup
	quiet
	exits 0 "and disabled when it is removed" root_setup --remove
	grep -qx "disable --now terok-bpfd.service" /run/systemctl.log || fail "$(cat /run/systemctl.log)"
	mkdir -p /run/user/61000/systemd
	touch /run/user/61000/systemd/private
	chown -R dev:dev /run/user/61000/systemd
	: >/run/systemctl.log
	rm -f /run/enabled
	chmod 777 /run
	exits 0 "a user's service manager is asked as well" user_setup
	said "^run .*systemctl --user enable --now terok-clearance-notifier.service"
	grep -qx -- "--user daemon-reload" /run/systemctl.log || fail "$(cat /run/systemctl.log)"
	user_setup --remove >/run/out
	said "^run .*systemctl --user disable --now terok-clearance-notifier.service"
	chmod 755 /run
	rm -r /run/systemd/system /run/user/61000/systemd
	umount /usr/bin/systemctl
else
	echo "SKIP setup_systemd: there is no systemctl here"
fi

# --- a user --------------------------------------------------------------------------------

rm -f /etc/containers/containers.conf
CONF=/home/dev/.config/containers/containers.conf
cp $CONF /run/conf
world >/run/before
exits 0 "user: a dry run" user_setup --dry-run
same "user: a dry run changes nothing" /run/before
exits 1 "user: a check says what is missing" user_setup --check
exits 0 "user: set up" user_setup
grep -qF 'hooks_dir = ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d", "'$USER_HOOKS'"] #' $CONF || fail "$(cat $CONF)"
[ "$(stat -c %U:%a $USER_HOOKS/terok-precreate.json $CONF | tr '\n' ' ')" = "dev:644 dev:644 " ] || fail "owner"
[ -f /home/dev/.config/systemd/user/terok-clearance-notifier.service ] || fail "no unit"
world >/run/after
exits 0 "user: set up again" user_setup
quiet
exits 0 "user: a check is content" as_dev "$SETUP" setup --check
same "user: again changes nothing" /run/after
exits 0 "user: removed" user_setup --remove
same "user: the way back leaves what there was" /run/before
user_setup >/run/out

make_image
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
: >/run/called
check "user: podman calls what was installed" as_dev podman run --rm --network none --cgroup-parent /user-61000/t \
	--annotation terok.guard= localhost/bb:latest id
[ "$(sort /run/called | tr '\n' ' ')" = "createRuntime poststop precreate " ] || fail "called: $(cat /run/called)"
: >/run/called
check "user: and not without the annotation" as_dev podman run --rm --network none --cgroup-parent /user-61000/t localhost/bb:latest id
[ ! -s /run/called ] || fail "called: $(cat /run/called)"

exits 0 "user: removed, podman has files in its folder" user_setup --remove
[ ! -e $USER_HOOKS ] || fail "hooks are there"
kept $CONF /run/conf
printf 'hooks_dir = ["/home/dev/mine"] # mine\n' >>$CONF
cp $CONF /run/theirs
exits 0 "user: another hooks_dir is warned of" user_setup
said "^warning .*$CONF (line 3: hooks_dir does not have $USER_HOOKS"
kept $CONF /run/theirs
exits 1 "user: which a check does not accept" user_setup --check
user_setup --remove >/run/out
printf '[engine\n' >$CONF
exits 1 "user: what podman cannot read is named" user_setup
said "$CONF: line 1: \] is expected"
cp /run/conf $CONF
chown dev:dev $CONF
mv $CONF /home/dev/dot && ln -s ../../dot $CONF
exits 1 "user: a containers.conf behind a link is not edited" user_setup
said "^refuse .*is a link"
user_setup --remove >/run/out
rm $CONF && mv /home/dev/dot $CONF

# --- what root set up is a user's as well --------------------------------------------------

printf '[containers]\npids_limit = 0\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n[network]\nnetwork_backend = "netavark"\n' >/etc/containers/containers.conf
exits 0 "root: set up" root_setup
user_setup --dry-run >/run/out
! grep -q hooks.d /run/out || fail "hooks once more: $(cat /run/out)"
echo "ok and its hooks are a user's as well"
: >/run/called
as_dev podman run --rm --network none --cgroup-parent /user-61000/t --annotation terok.guard= localhost/bb:latest id >/run/out 2>&1 ||
	fail "user: $(cat /run/out)"
[ "$(sort /run/called | tr '\n' ' ')" = "createRuntime poststop precreate " ] || fail "user called: $(cat /run/called)"
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
: >/run/called
check "root: podman calls what was installed" podman run --rm --network none --annotation terok.guard= localhost/bb:latest id
[ "$(sort /run/called | tr '\n' ' ')" = "createRuntime poststop precreate " ] || fail "called: $(cat /run/called)"

# podman passes over a hook whose program is not there: ours must not be passed over
mv $HOOK $HOOK.away
refuse "without the hook program no guarded container starts" podman run --rm --network none --name x --annotation terok.guard= localhost/bb:latest id
said "terok-hook.*No such file"
podman rm -f x >/dev/null 2>&1 || true
check "but any other does" podman run --rm --network none localhost/bb:latest id
check "status says so" sh -c "$SETUP status | grep -q '$HOOK is not there: no guarded container starts'"
mv $HOOK.away $HOOK

if [ -x "$B/terok-hook" ]; then
	cp "$B/terok-hook" $HOOK
	refuse "no agent: a guarded container is not started" podman run --rm --network none --name x --annotation terok.guard= localhost/bb:latest id
	podman rm -f x >/dev/null 2>&1 || true
	check "no agent: any other is" podman run --rm --network none localhost/bb:latest id
	check "load" "$BPFD" load
	start_agent
	check "with the agent a user's status has root's hooks" sh -c "$(declare -f as_dev as_user); as_dev $SETUP status | grep -q '^hooks: *installed in $ROOT_HOOKS'"
	start_server
	refuse "with the agent it is guarded from its first instruction" podman run --rm --annotation terok.guard= localhost/bb:latest nc -w 2 $HOST $PORT
	check "and nothing is, without the annotation" podman run --rm localhost/bb:latest nc -w 2 $HOST $PORT
	stop_agent
	check "unload" "$BPFD" unload --force
else
	echo "SKIP setup_guards: terok-hook is not built"
fi
podman rm -f -t 0 -a >/dev/null 2>&1
as_dev podman rm -f -t 0 -a >/dev/null 2>&1
root_setup --remove >/run/out
