#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_life.sh - the gate's life: in the background, under a user's systemd, what status says of it
#
# A user's service manager of its own, nobody's, in a cgroup, a mount, a cgroup and a network
# namespace of its own; git clones and pushes through what it begins. "statement N" is of the
# contract's list. The manager is no root's, as a user's is: what of the units' hardening such a
# one cannot do is found here.
# shellcheck disable=SC2154 # they are of manager.bash
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
gate=$B/terok-gate
. "$(dirname "$0")/../lab/manager.bash"

if [ -z "${1:-}" ]; then
	manager_needs git jq ip setpriv
	for program in "$gate" "$B/terok-sandbox"; do
		[ -x "$program" ] || { echo "$program is not there (make)"; exit 1; }
	done
	exec unshare --mount --net --propagation private "$0" outside
fi
[ "$1" = inside ] || manager_outside life

# --- inside ------------------------------------------------------------------------------

manager_inside "$2"
chown nobody "$dir"
ip link set lo up
chown nobody /sys/fs/cgroup /sys/fs/cgroup/cgroup.{procs,subtree_control,threads}
cd "$dir" || exit 1

home="$dir/ho me" # as some have it
export HOME=$home XDG_RUNTIME_DIR=$dir/run GIT_TERMINAL_PROMPT=0
unset TEROK_SANDBOX_STATE_DIR TEROK_SANDBOX_RUNTIME_DIR TEROK_GATE_BIND
as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
u() { $as "$@"; }
g() { u timeout 60 "$gate" "$@"; }
ctl() { u timeout 60 systemctl --user "$@"; }
units=$home/.config/systemd/user state=$home/.local/share/terok/sandbox/gate pid_file=$dir/run/terok/sandbox/gate-server.pid
u mkdir -m 0700 "$home" "$dir/run"

# stands MODE RUNNING [JQ]: what status says, in one row of the table (statement 22)
stands() {
	g status --json >"$dir/json" || return 1
	jq -e ".mode == \"$1\" and .running == $2 and (${3:-true})" "$dir/json" || { cat "$dir/json"; return 1; }
}
nothing_written() { ! [ -e "$units" ] || { find "$units"; return 1; }; }
gates() { living terok-gate; }

# doctor SEVERITY [TEXT]: what terok-sandbox doctor says of it
doctor() {
	u timeout 60 "$B/terok-sandbox" doctor --json >"$dir/doctor"
	jq -e --arg severity "$1" --arg text "${2:-}" '.checks[] | select(.label == "Gate (git)") | .severity == $severity and (.detail | contains($text))' "$dir/doctor" ||
		{ cat "$dir/doctor"; return 1; }
}

# --- a mirror and a token ------------------------------------------------------------------

u git config --global user.name a && u git config --global user.email a@example.org
u git config --global init.defaultBranch main
g sync p >"$dir/said" 2>&1 || { cat "$dir/said"; exit 1; }
token=$(g token create p t | head -n 1)
u git init -q "$dir/src" && u git -C "$dir/src" commit -q --allow-empty -m first
clone() { # [PORT]
	u rm -rf "$dir/c"
	u timeout 60 git clone -q "http://$token@127.0.0.1:${1:-9418}/p.git" "$dir/c"
}
push() {
	u sh -c "head -c 3000000 /dev/urandom >'$dir/c/big'" && u git -C "$dir/c" add -A && u git -C "$dir/c" commit -q -m "$1" &&
		u timeout 60 git -C "$dir/c" push -q origin HEAD:refs/heads/main &&
		[ "$(u git -C "$dir/c" rev-parse HEAD)" = "$(u git -C "$state/p.git" rev-parse main)" ]
}

# --- nothing there ---------------------------------------------------------------------------

row1() { stands none false '.port == 9418 and .installed == false and .pid == null'; }
is "no unit, no daemon: none (statement 22)" row1
is "which cannot be reached (statement 26)" fails "The gate is not running. Run 'terok-gate install'" g ensure-reachable
stop_nothing() { g stop | grep -qx "no gate runs"; }
is "there is nothing to stop" stop_nothing
is "and nothing to uninstall" g uninstall

is "and the doctor has nothing against it" doctor ok "not set up"

as_root() { fails "root has no gate" timeout 60 "$gate" install && nothing_written; }
is "root installs nothing (statement 28)" as_root
outside() { fails "not in your home" u env XDG_CONFIG_HOME="$dir/elsewhere" "$gate" install && ! [ -e "$dir/elsewhere" ]; }
is "nor does a config folder outside the home (statement 28)" outside
values() {
	fails "newline" g install --base-path "$dir/a
ExecStartPre=/bin/true" && fails "newline" g install --token-file "$dir/a"$'\r' && fails "no address" g install --bind localhost && nothing_written
}
is "nor values that no unit can hold (statement 28)" values
no_manager() { fails "does not answer" g install && nothing_written; }
is "nor without a service manager (statement 23)" no_manager
mkdir "$dir/bin" "$dir/slow"
printf '#!/bin/sh\nexec sleep 30\n' >"$dir/slow/systemctl"
chmod 0755 "$dir/slow/systemctl"
no_systemctl() {
	fails "systemctl" u env PATH="$dir/bin" "$gate" install && fails "did not end in time" u env PATH="$dir/slow:$PATH" "$gate" install && nothing_written
}
is "nor without systemctl, or with one that hangs (statement 23)" no_systemctl
# answers STATUS OUT ERR: a systemctl that says this
answers() { printf '#!/bin/sh\nprintf "%s"\nprintf "%s" >&2\nexit %s\n' "$2" "$3" "$1" >"$dir/bin/systemctl" && chmod 0755 "$dir/bin/systemctl"; }
meant() { # what is wrong with the base is found only after the question
	local through="is no folder"
	: >"$dir/file"
	with() { fails "$1" u env PATH="$dir/bin:$PATH" "$gate" install --base-path "$dir/file"; }
	answers 0 'running\n' '' && with "$through" && answers 1 'degraded\n' '' && with "$through" && answers 1 '' '' && with "$through" || return 1
	answers 1 '' 'Failed to connect to bus' && with "Failed to connect to bus" && answers 1 'offline\n' '' && with "does not answer" &&
		answers 127 '' '' && with "does not answer" && nothing_written
}
is "what systemctl ends with and says is taken for what it means (statement 23)" meant
rm "$dir/bin/systemctl"
gone_program() {
	cp "$gate" "$dir/gone" && chmod 0755 "$dir/gone" && exec 8<"$dir/gone" && rm "$dir/gone" &&
		fails "is not there" u /proc/self/fd/8 install --dry-run && nothing_written
}
is "nor a program that is no more (statement 27)" gone_program
exec 8<&-

# --- in the background -------------------------------------------------------------------------

is "it starts in the background" g start
row2() { stands daemon true ".port == 9418 and .pid == $(cat "$pid_file")"; }
is "no unit, a daemon: daemon (statement 22)" row2
plain_pid() { [ "$(tail -c 1 "$pid_file" | grep -c '[0-9]')" = 1 ] && [ "$(stat -c %a "$pid_file")" = 600 ] && [ "$(ps -o sid= "$(cat "$pid_file")" | tr -d ' ')" = "$(cat "$pid_file")" ]; }
is "its pid file is its number alone, and it leads a session (statement 13)" plain_pid
is "it serves at once" clone
is "and takes pushes" push daemon
is "it can be reached (statement 26)" g ensure-reachable
second() { fails "a gate runs already" g start && fails "a gate runs already" g start --port 9999 && row2; }
is "a second start is refused (statement 102)" second
by_hand() { fails "Address already in use" g serve --base-path "$state" --token-file "$state/tokens.json"; }
is "and so is one by hand" by_hand
its_file() {
	local pid
	pid=$(cat "$pid_file")
	fails "is of a gate that runs, process $pid" g serve --base-path "$state" --token-file "$state/tokens.json" --port 9601 --detach --pid-file="$pid_file" &&
		[ "$(cat "$pid_file")" = "$pid" ] && row2
}
is "which does not take the pid file of the one that runs" its_file
elsewhere() { u mkdir "$dir/other" && fails "another base path" g ensure-reachable --base-path "$dir/other"; }
is "one that serves another folder is not what is meant (statement 26)" elsewhere
killed() {
	local pid
	pid=$(cat "$pid_file")
	[ "$pid" -gt 1 ] && kill -KILL "$pid" && until_true row1 && g start && row2 && [ "$(cat "$pid_file")" != "$pid" ] && clone
}
is "killed, its pid file is nobody's, and it starts again" killed
many_starts() { # at once: one of them
	local i n=0 jobs=()
	g stop
	for i in 1 2 3 4; do
		g start --port $((9500 + i)) >"$dir/start.$i" 2>&1 &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do wait "$i" && n=$((n + 1)); done
	[ $n -eq 1 ] && [ "$(gates | wc -l)" -eq 1 ] || { echo "$n began"; cat "$dir"/start.*; return 1; }
}
is "of four starts at once one begins" many_starts
is "and stops" g stop
stopped() { row1 && ! [ -e "$pid_file" ] && [ -z "$(gates)" ]; }
is "nothing of it is left" stopped
foreign() {
	local pid
	u sleep 300 &
	pid=$!
	echo -n $pid >"$pid_file"
	stop_nothing && kill -0 $pid && [ "$(cat "$pid_file")" = $pid ] && stands none false && kill $pid
	wait $pid
	rm -f "$pid_file"
}
is "a process that only has its number is not told to end (statement 24)" foreign
early() { ! g start --bind nonsense && row1 && [ -z "$(gates)" ]; }
is "a start that fails leaves nothing that runs" early
u mkdir "$dir/open" && u mkdir -m 0777 "$dir/open/.home" && chmod 0777 "$dir/open/.home"
late() { fails "ended at once" g start --base-path "$dir/open" && row1 && [ -z "$(gates)" ]; }
is "also one that fails in the background, which is told" late

# --- under systemd -----------------------------------------------------------------------------

manager_begin u

dry() { g install --dry-run >"$dir/dry" && grep -q "^# terok-gate-version: 20" "$dir/dry" && nothing_written; }
is "a dry run shows the units and writes nothing" dry

# what older gates left, what runs of it, and what is none of theirs
u mkdir -p "$units"
u tee "$units/terok-gate.socket" >/dev/null <<-'EOT'
	# terok-gate-version: 6
	[Socket]
	ListenStream=127.0.0.1:9418
	Accept=yes
	[Install]
	WantedBy=sockets.target
EOT
printf '# terok-gate-version: 6\n[Service]\nExecStart=/bin/true --inetd --base-path=%s\n' "$dir/old" | u tee "$units/terok-gate@.service" >/dev/null
printf '# terok-gate-version: 13\n[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n' | u tee "$units/terok-gate-socket.service" >/dev/null
printf '[Service]\n# terok-gate-version: 13\nExecStart=/bin/sleep 1000\n' | u tee "$units/terok-gate-mine.service" >/dev/null
ctl daemon-reload
ctl enable --now -q terok-gate.socket terok-gate-socket.service
outdated() { stands systemd true '.unit_version == 6 and (.outdated | startswith("Systemd units are outdated (installed v6, expected v20)"))' && fails "installed v6, expected v20" g ensure-reachable; }
is "units of an older gate are outdated (statements 25, 26)" outdated
is "which the doctor says as well" doctor warn "installed v6"
is "install takes their place" g install
swept() {
	! ls "$units/terok-gate@.service" "$units/terok-gate-socket.service" "$units/default.target.wants/terok-gate-socket.service" 2>/dev/null &&
		[ -e "$units/terok-gate-mine.service" ] && [ "$(shows terok-gate-socket.service ActiveState)" = inactive ] && [ "$(shows terok-gate.socket Accept)" = no ]
}
is "what they left is gone, ended, and a person's own is there" swept
written() {
	local unit
	for unit in terok-gate.socket terok-gate.service; do
		head -n 1 "$units/$unit" | grep -qx "# terok-gate-version: 20" || return 1
	done
	[ "$(ctl is-enabled terok-gate.socket)" = enabled ] && [ "$(ctl is-enabled terok-gate.service)" = enabled ] &&
		[ "$(shows terok-gate.service ActiveState)" = active ]
}
is "both units have the stamp on line 1, the socket is enabled (statement 27), the service runs" written
is "systemd finds no mistake in them" faultless "$units"/terok-gate.{socket,service}
row3() { stands systemd true '.port == 9418 and .outdated == null and .transport == "tcp"'; }
idle() { row3 && jq -e '.pid == null' "$dir/json" && g ensure-reachable && [ "$(shows terok-gate.service ActiveState)" = inactive ]; }
ctl stop terok-gate.service
is "a unit, its socket listens: systemd; looking begins no server (statements 22, 26)" idle
healthy() { doctor ok "it runs (systemd) at port 9418" && idle; }
is "nor does the doctor, and all is well" healthy
is "a clone begins it (statement 102)" clone
running() { row3 && jq -e ".pid == $(shows terok-gate.service MainPID) and .pid > 1" "$dir/json" && [ "$(jq -r .base_path "$dir/json")" = "$state" ]; }
is "and status says which process" running
is "hardened, it takes pushes as well" push systemd
forced() {
	u git -C "$dir/c" reset -q --hard HEAD~1 && u git -C "$dir/c" commit -q --allow-empty -m other &&
		! u timeout 60 git -C "$dir/c" push -q -f origin HEAD:refs/heads/main 2>"$dir/push" && grep -q "gate: refused" "$dir/push" || { cat "$dir/push"; return 1; }
}
is "and its hooks refuse" forced
hardened() {
	local status
	status=/proc/$(shows terok-gate.service MainPID)/status
	grep -q "^Seccomp:.2" "$status" && grep -q "^NoNewPrivs:.1" "$status"
}
is "it may call only what it needs" hardened
is_fed() { [ "$(shows terok-gate.service WatchdogTimestampMonotonic)" != "$before" ]; }
fed() {
	local before i
	for i in 1 2 3; do
		before=$(shows terok-gate.service WatchdogTimestampMonotonic)
		until_true is_fed || return 1
	done
	[ "$(shows terok-gate.service NRestarts)" = 0 ]
}
hung() {
	local pid
	pid=$(shows terok-gate.service MainPID)
	[ "$pid" -gt 1 ] && kill -STOP "$pid" && until_true test ! -e "/proc/$pid/exe" && clone && [ "$(shows terok-gate.service MainPID)" != "$pid" ]
}
u mkdir "$units/terok-gate.service.d"
printf '[Service]\nWatchdogSec=1\n' | u tee "$units/terok-gate.service.d/test.conf" >/dev/null
ctl daemon-reload && ctl restart terok-gate.service
is "it feeds its watchdog" fed
is "and is ended and begun again when it hangs" hung
u rm -r "$units/terok-gate.service.d"
ctl daemon-reload && ctl restart terok-gate.service

no_second() { fails "a gate runs already (systemd)" g start && fails "a gate runs already" g start --daemon && by_hand; }
is "a second start is refused here too (statement 102)" no_second
comes_back() {
	local pid
	pid=$(shows terok-gate.service MainPID)
	[ "$pid" -gt 1 ] && kill -KILL "$pid" && clone &&
		[ "$(shows terok-gate.service MainPID)" != "$pid" ] && row3
}
is "killed, it comes back, and nobody is turned away" comes_back
again() { # a service that runs is not the one of before (no "enable --now")
	local pid
	pid=$(shows terok-gate.service MainPID)
	g install && [ "$(shows terok-gate.service MainPID)" != "$pid" ] && row3 && clone
}
is "installed again, what ran is ended" again
moved() { g install --port 9888 && clone 9888 && ! clone && stands systemd true '.port == 9888' && g install && clone && ! clone 9888; }
is "and so is a socket that listened elsewhere" moved

# --- outdated ------------------------------------------------------------------------------------

edit() { u sed -i "$1" "$units/terok-gate.$2"; }
says_outdated() { stands systemd true "(.outdated // \"\") | contains(\"$1\")" && fails "$1" g ensure-reachable; }
unversioned() { edit 1d socket && says_outdated "installed unversioned, expected v20"; }
is "a unit without a stamp is unversioned (statement 25)" unversioned
lower() { edit '1i # terok-gate-version: 13' socket && says_outdated "installed v13, expected v20"; }
is "a lower stamp is said (statement 25)" lower
other_unit() { edit '1s/.*/# terok-gate-version: 20/' socket && edit '1s/.*/# terok-gate-version: 19/' service && says_outdated "installed v19"; }
is "of either unit" other_unit
newer() { edit '1s/.*/# terok-gate-version: 21/' socket && edit '1s/.*/# terok-gate-version: 21/' service && stands systemd true '.outdated == null' && g ensure-reachable; }
is "a higher one is fine" newer
no_program() { edit 's,^ExecStart=[^ ]*,ExecStart=/nonexistent/terok-gate,' service && says_outdated "/nonexistent/terok-gate"; }
is "a program that is no more is said" no_program
g install >/dev/null
diverged() {
	g status --json --base-path "$dir/other" | jq -e '.outdated | startswith("Systemd units have another base path")' &&
		fails "another base path" g ensure-reachable --base-path "$dir/other"
}
is "another base path is said (statements 25, 26)" diverged
linked() { u ln -s "$state" "$dir/link" && g status --json --base-path "$dir/link" | jq -e '.outdated == null' && g ensure-reachable --base-path "$dir/link"; }
is "the same by way of a link is none (statement 25)" linked

# --- the rest of the table -----------------------------------------------------------------------

is "it is stopped" g stop
row5() { stands systemd false '.pid == null' && fails "The gate is not running (its units are there)" g ensure-reachable && ! clone; }
is "a unit, nothing listens: systemd, and it does not run (statements 22, 26)" row5
is "the doctor says that" doctor error "it does not run"
row4() { g start --daemon && stands daemon true && clone && g ensure-reachable; }
is "a unit, nothing listens, a daemon: daemon (statement 22)" row4
refused() { fails "a gate runs in the background" g install; }
is "nothing is installed over a daemon" refused
started() { g stop && g start && row3 && clone; }
is "start has systemd begin it" started
options() { g stop && fails "its units say where" g start --port 1234 && stands systemd false && g start; }
is "which goes by its units" options

# --- gone ----------------------------------------------------------------------------------------

is "uninstall" g uninstall
gone() {
	stands none false && ! ls "$units"/terok-gate.* "$units"/{sockets,default}.target.wants/terok-gate{.,@}* 2>/dev/null && [ -e "$units/terok-gate-mine.service" ] &&
		[ "$(shows terok-gate.service ActiveState)" = inactive ] && [ "$(shows terok-gate.service LoadState)" = not-found ] && ! clone && [ -d "$state/p.git" ]
}
is "nothing of it is left but the mirrors" gone
port() { g install --port 9777 --base-path "$dir/link" && clone 9777 && stands systemd true '.port == 9777' && g uninstall; }
is "another port" port
exit $bad
