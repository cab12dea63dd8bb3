#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_units.sh - a session's hub and helper, bridge and notifier as units of a user's service manager
#
# A service manager of its own, in a cgroup, a mount and a cgroup namespace of its own, with the
# units as they are installed: they begin, work, come back, and end in the time that they have,
# also with a shield that does not. Bridge and notifier have a session bus, if the system has
# units of one; nobody shows notifications there.
# shellcheck disable=SC2154 # they are of manager.bash
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
here=$(readlink -f "$(dirname "$0")")
. "$here/../lab/manager.bash"

if [ -z "${1:-}" ]; then
	manager_needs nc jq
	[ -x "$B/terok-clearance" ] || { echo "$B/terok-clearance is not there (make)"; exit 1; }
	exec unshare --mount --propagation private "$0" outside
fi
[ "$1" = inside ] || manager_outside units

# --- inside ------------------------------------------------------------------------------

manager_inside "$2"
export XDG_RUNTIME_DIR=$dir/run TEROK_RUN=$dir/run XDG_CONFIG_HOME=$dir/config HOME=$dir
hub=terok-clearance-hub.service verdict=terok-clearance-verdict.service
bridge=terok-clearance-bridge.service notifier=terok-clearance-notifier.service
events=$XDG_RUNTIME_DIR/terok-shield-events.sock clients=$XDG_RUNTIME_DIR/terok-clearance.sock
units=$XDG_CONFIG_HOME/systemd/user

ctl() { timeout 30 systemctl --user "$@"; }

mkdir -m 0700 "$dir/run"
mkdir -p "$dir/.local/bin"
mkdir -p "$units"
for unit in "$here"/../../{hub,tools}/*.{service,socket}; do
	[ -e "$unit" ] || continue
	sed "s,@BINDIR@,$B," "$unit" >"$units/${unit##*/}"
done
for unit in $bridge $notifier; do # back at once: nobody waits here
	sed "s,@BINDIR@,$B,; s,^RestartSec=.*,RestartSec=100ms," "$here/../../tools/$unit" >"$units/$unit"
done
ln -s terok-clearance.sock "$XDG_RUNTIME_DIR/clearance.sock" # root is led to the agent's
mkfifo "$dir/begun"
# a shield that may do what the real one must, and notes who it is; then it hangs, if it is to
cat >"$dir/.local/bin/terok-shield" <<EOT
#!/bin/sh
unshare --user --map-root-user --net true || exit 9
echo "\$*" >>$dir/shielded
[ "\$2" != stuck ] && exit 0
trap '' TERM HUP INT
echo \$\$ >$dir/stuck
echo >$dir/begun
sleep 300 &
sleep 300
EOT
chmod 0755 "$dir/.local/bin/terok-shield"

is "the units have no mistake" faultless "$units"/*.service "$units"/*.socket
manager_begin

started() { ctl start $hub && ctl is-active $hub $verdict; }
is "the hub begins, with its helper" started

private() { [ "$(stat -c %a "$events" "$clients" "$XDG_RUNTIME_DIR/terok-clearance-verdict.sock" | sort -u)" = 600 ]; }
is "its sockets are there, and nobody else's" private

frame() { printf '%s\0' "$1"; }
# hears TYPE: read frames of a stream on descriptor 4 until an event of that type
hears() {
	local text
	while IFS= read -r -t 10 -d '' text <&4; do
		[ "$(jq -r '.parameters.event.type // "stands"' <<<"$text")" = "$1" ] && return
	done
	return 1
}
exec 4< <(frame '{"method":"org.terok.Firewall1.Monitor","more":true}' | timeout 60 nc -U "$clients")
says() { printf '%s\n' "$1" | timeout 10 nc -N -U "$events"; }
verdict() { # CONTAINER ID: the reply
	frame '{"method":"org.terok.Clearance1.Verdict","parameters":{"container":"'"$1"'","request_id":"'"$2"'","dest":"198.51.100.1","action":"allow"}}' |
		timeout 20 nc -N -U "$clients" | tr -d '\0'
}
line() { echo '{"type":"pending","container":"'"$1"'","id":"'"$2"'","dest":"198.51.100.1","port":443,"proto":6}'; }

told() { hears stands && says "$(line c1 c1:1)" && hears request; }
is "a reader's line reaches who listens" told

shielded() { [ "$(verdict c1 c1:1)" = '{"parameters":{"ok":true}}' ] && hears verdict && grep -qx "allow c1 198.51.100.1" "$dir/shielded"; }
is "an answer runs the shield, which may enter namespaces" shielded

confined() { grep -q "^Seccomp:.2" "/proc/$(shows $hub MainPID)/status" && grep -q "^NoNewPrivs:.1" "/proc/$(shows $verdict MainPID)/status"; }
is "the hub has given up what it does not need" confined

is_back() { # UNIT PID
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(shows "$1" ActiveState)" = active ] && [ "$(shows "$1" MainPID)" != "$2" ] && return
		sleep 0.1
	done
	return 1
}
comes_back() {
	local pid
	pid=$(shows "$1" MainPID)
	kill -KILL "$pid" && is_back "$1" "$pid"
}
is "a hub that is killed comes back" comes_back $hub
is "and so does a helper" comes_back $verdict
exec 4< <(frame '{"method":"org.terok.Firewall1.Monitor","more":true}' | timeout 60 nc -U "$clients")
again() { hears stands && says "$(line c1 c1:2)" && hears request && [ "$(verdict c1 c1:2)" = '{"parameters":{"ok":true}}' ]; }
is "and they work as before" again

# begins UNIT with an answer whose shield hangs
hang() {
	says "$(line stuck "$1")" && hears request || return 1
	verdict stuck "$1" >/dev/null &
	read -r -t 10 <>"$dir/begun"
}
# ends_well UNIT...: by its own will, in less than the time that it has
ends_well() {
	local begin=$SECONDS unit
	ctl stop "$@" || return 1
	[ $((SECONDS - begin)) -le 5 ] || { echo "it took $((SECONDS - begin)) s"; return 1; }
	for unit in "$@"; do
		[ "$(shows "$unit" Result) $(shows "$unit" ActiveState) $(shows "$unit" ExecMainStatus)" = "success inactive 0" ] ||
			{ ctl status --no-pager "$unit"; return 1; }
	done
}
nothing_left() { ! kill -0 "$(cat "$dir/stuck")" 2>/dev/null && ! [ -e "$clients" ] && ! [ -e "$events" ]; }

# --- bridge and notifier, on a session bus -------------------------------------------------

none_enabled() {
	local unit
	for unit in $hub $verdict $bridge $notifier; do
		! ctl is-enabled "$unit" || return 1
	done
}
is "none begins by itself" none_enabled

has_name() { # on the bus, in time
	local i
	for ((i = 0; i < 100; i++)); do
		busctl --address="unix:path=$XDG_RUNTIME_DIR/bus" --acquired list 2>/dev/null | grep -q "$1" && return
		sleep 0.1
	done
	return 1
}
watches() { # UNIT: it has a connection to the hub, in time
	local i pid
	pid=$(shows "$1" MainPID)
	for ((i = 0; i < 100; i++)); do
		[ "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)" -ge 3 ] && return
		sleep 0.1
	done
	ls -l "/proc/$pid/fd"
	return 1
}
both_confined() {
	local unit
	for unit in $bridge $notifier; do
		grep -q "^Seccomp:.2" "/proc/$(shows $unit MainPID)/status" || return 1
	done
}
if [ -e /usr/lib/systemd/user/dbus.socket ] && command -v busctl >/dev/null; then
	is "a bus begins" ctl start dbus.socket
	is "the bridge begins" ctl start $bridge
	says "$(line c2 c2:1)"
	is "and has a name on the bus for a container that asks" has_name org.terok.Shield1
	is "the notifier begins" ctl start $notifier
	is "and follows the hub" watches $notifier
	is "both have given up what they do not need" both_confined
	is "a bridge that is killed comes back" comes_back $bridge
	is "and so does a notifier" comes_back $notifier
	is "and follows the hub again" watches $notifier
	is "both end in their time" ends_well $bridge $notifier
else
	echo "SKIP bridge and notifier: there are no units of a session bus (dbus-user-session)"
fi

is "a shield hangs" hang stuck:1
is "the hub ends in its time, with an answer on its way" ends_well $hub
is "the helper ends in its time, with a shield that ignores signals" ends_well $verdict
is "and nothing is left of either" nothing_left

both_again() { ctl start $hub; }
is "they begin again where they were" both_again
exec 4< <(frame '{"method":"org.terok.Firewall1.Monitor","more":true}' | timeout 60 nc -U "$clients")
hears stands
is "a shield hangs again" hang stuck:2
is "both end in their time, together" ends_well $hub $verdict
is "and nothing is left of them" nothing_left
exec 4<&-

# --- begun by who speaks to it -------------------------------------------------------------

socket=terok-clearance-hub.socket others=$XDG_RUNTIME_DIR/terok/clearance/terok-session
places() { [ "$(stat -c "%F %a" "$clients" "$events" "$others.sock" "$others/hub.sock" | sort -u)" = "socket 600" ]; }
listens() { ctl start $socket && places && [ "$(shows $hub ActiveState)" = inactive ]; }
rm "$XDG_RUNTIME_DIR/clearance.sock"
is "a socket unit listens, and begins no hub" listens
began() { says "$(line c3 c3:1)" && is_active $hub; }
is_active() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(shows "$1" ActiveState)" = active ] && return
		sleep 0.1
	done
	return 1
}
is "a reader's line begins it" began
by() { # PATH: a client there is told of what is open
	exec 4< <(frame '{"method":"org.terok.Firewall1.Monitor","parameters":{"replay":true},"more":true}' | timeout 20 nc -U "$1")
	hears request
}
is "which is heard by clients at either place" by "$clients"
is "and at the others" by "$others.sock"
is "and at those of today" by "$others/hub.sock"
exec 4<&-
comes_back_there() { # the same files, with another hub behind them
	local before
	before=$(stat -c %i "$clients" "$events")
	comes_back $hub && [ "$(stat -c %i "$clients" "$events")" = "$before" ] && places
}
is "killed, it is begun again at the same places" comes_back_there
second() { ! timeout 10 "$B/terok-clearance" serve 2>"$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q "somebody listens" "$dir/err"; }
is "a second one by hand is refused" second
ended() { ctl stop $hub && places && [ "$(shows $socket ActiveState)" = active ]; }
is "it ends, and its places stay" ended
answers() { frame '{"method":"org.varlink.service.GetInfo"}' | timeout 10 nc -N -U "$clients" | grep -qa terok; }
begun_by_client() { answers && is_active $hub; }
is "for a client to begin it" begun_by_client
nothing_there() { ctl stop $socket $hub $verdict && ! ls -d "$clients" "$events" "$others.sock" "$others/hub.sock" 2>/dev/null; }
is "without the socket unit nothing is left" nothing_there
"$B/terok-clearance" serve --history none 2>"$dir/err" &
by_hand=$!
serves_by_hand() { kill -0 $by_hand && [ -e "$clients" ] && answers; }
for ((i = 0; i < 100; i++)); do [ -e "$clients" ] && [ -e "$events" ] && break; sleep 0.1; done
is "one begun by hand serves" serves_by_hand
not_taken() { ! ctl start $socket && serves_by_hand; }
is "and no socket unit takes its places" not_taken
kill $by_hand
wait $by_hand
exit $bad
