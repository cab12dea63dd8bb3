#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_life.sh - the proxy's life: in the background, under a user's systemd, what status says of it
#
# As tests/gate/test_life.sh: a user's service manager of its own, nobody's. What both services have
# in common is looked at there in full; here that it is the proxy's, with its sockets and files.
# "statement N" is of the contract's list.
# shellcheck disable=SC2154 # they are of manager.bash
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
proxy=$B/terok-proxy here=$(readlink -f "$(dirname "$0")")
. "$(dirname "$0")/../lab/manager.bash"

if [ -z "${1:-}" ]; then
	manager_needs curl jq ip nc python3 setpriv ssh-add ssh-keygen
	for program in "$proxy" "$B/terok-signer" "$B/terok-sandbox" "$B/terok-bpfd"; do
		[ -x "$program" ] || { echo "$program is not there (make)"; exit 1; }
	done
	exec unshare --mount --net --propagation private "$0" outside
fi
[ "$1" = inside ] || manager_outside proxy-life

# --- inside ------------------------------------------------------------------------------

manager_inside "$2"
chown nobody "$dir"
ip link set lo up
chown nobody /sys/fs/cgroup /sys/fs/cgroup/cgroup.{procs,subtree_control,threads}
cd "$dir" || exit 1

home="$dir/ho me" # as some have it
export HOME=$home XDG_RUNTIME_DIR=$dir/run
unset TEROK_SANDBOX_STATE_DIR TEROK_SANDBOX_RUNTIME_DIR TEROK_CREDENTIALS_DIR
as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
u() { $as "$@"; }
p() { u timeout 60 "$proxy" "$@"; }
ctl() { u timeout 60 systemctl --user "$@"; }
units=$home/.config/systemd/user credentials=$home/.local/share/terok/credentials
run=$dir/run/terok/sandbox pid_file=$dir/run/terok/sandbox/credential-proxy.pid sock=$dir/run/terok/sandbox/credential-proxy.sock
socket=terok-credential-proxy.socket service=terok-credential-proxy.service
u mkdir -m 0700 "$home" "$dir/run"

# stands MODE RUNNING HEALTHY [JQ]: what status says (statement 75)
stands() {
	p status --json >"$dir/json" || return 1
	jq -e ".mode == \"$1\" and .running == $2 and .healthy == $3 and (${4:-true})" "$dir/json" || { cat "$dir/json"; return 1; }
}
nothing_written() { ! [ -e "$units" ] || { find "$units"; return 1; }; }
proxies() { living terok-proxy; }
health() { # [CURL OPTION...]
	[ "$(u curl -sf -m 10 "$@" "http://127.0.0.1:${port:-18731}/-/health")" = '{"status": "ok"}' ]
}
by_path() { health --unix-socket "$sock"; }
agent() { # it takes connections; what is no handshake it closes, and says nothing (statement 78)
	[ -z "$(echo | u timeout 10 nc -N 127.0.0.1 "${1:-18732}")" ] && u nc -z 127.0.0.1 "${1:-18732}"
}
# doctor LABEL SEVERITY [TEXT] [OPTION...]: what terok-sandbox doctor says of it (statement 87)
doctor() {
	local of=$1 severity=$2 text=${3:-}
	shift $(($# < 3 ? $# : 3))
	u timeout 60 "$B/terok-sandbox" doctor --json "$@" >"$dir/doctor"
	jq -e --arg of "$of" --arg severity "$severity" --arg text "$text" \
		'.checks[] | select(.label == $of) | .severity == $severity and (.detail | contains($text))' "$dir/doctor" || { cat "$dir/doctor"; return 1; }
}

# --- nothing there ---------------------------------------------------------------------------

row1() { stands none false false '.port == 18731 and .ssh_agent_port == 18732 and .installed == false and .pid == null'; }
is "no unit, no daemon: none" row1
empty() { jq -e '.routes_configured == 0 and .credentials_stored == []' "$dir/json" && ! [ -e "$credentials" ] && [ "$(jq -r .routes_path "$dir/json")" = "$credentials/routes.json" ]; }
is "no routes, no store: nothing is counted, nothing is made (statement 75)" empty
is "it cannot be reached" fails "The proxy is not running. Run 'terok-proxy install'" p ensure-reachable
stop_nothing() { p stop | grep -qx "no proxy runs"; }
is "there is nothing to stop" stop_nothing
is "and nothing to uninstall" p uninstall
is "and the doctor has nothing against it" doctor "Credential proxy" ok "not set up"
unreachable() { doctor "Credential proxy (TCP)" error "proxy unreachable at http://127.0.0.1:18731/-/health" --proxy-port 18731; }
is "but for who wants one at that port" unreachable
as_root() { fails "root has no proxy" timeout 60 "$proxy" install && nothing_written; }
is "root installs nothing" as_root
no_manager() { fails "does not answer" p install && nothing_written; }
is "nor is anything without a service manager" no_manager
same_ports() { fails "are the same" p install --port 7000 --ssh-agent-port 7000 && nothing_written; }
is "two sockets do not go to one port" same_ports

# --- in the background -------------------------------------------------------------------------

is "it starts in the background" p start
row2() { stands daemon true true ".port == 18731 and .pid == $(cat "$pid_file")"; }
is "no unit, a daemon: daemon, and healthy" row2
made() {
	local file
	for file in routes.json ssh-keys.json; do
		[ "$(cat "$credentials/$file")" = "{}" ] && [ "$(stat -c %a "$credentials/$file")" = 600 ] || return 1
	done
	[ "$(stat -c %a "$credentials")" = 700 ]
}
is "what was missing was made, empty (statement 74)" made
is "it answers at its unix socket" by_path
private() { [ "$(stat -c "%F %a" "$sock")" = "socket 600" ]; }
is "which is nobody else's (statement 73)" private
is "and at the SSH agent's port" agent
plain_pid() { [ "$(tail -c 1 "$pid_file" | grep -c '[0-9]')" = 1 ] && [ "$(stat -c %a "$pid_file")" = 600 ]; }
is "its pid file is its number alone" plain_pid
is "it can be reached" p ensure-reachable
healthy() { doctor "Credential proxy (TCP)" ok "" --proxy-port 18731 --ssh-agent-port 18732 && jq -e '.checks[] | select(.label == "SSH agent (TCP)") | .severity == "ok"' "$dir/doctor"; }
is "a healthy one is well for the doctor, from the host (statement 87)" healthy
agents_doctor() { # root's, whose host this is
	env -u XDG_RUNTIME_DIR TEROK_PINS="$dir/pins" TEROK_RUN="$dir/no-agent" timeout 60 "$B/terok-bpfd" doctor --json >"$dir/doctor"
	jq -e '[.checks[] | select(.check == "proxy" or .check == "signer") | .verdict] == ["ok", "ok"]' "$dir/doctor" && grep -q "port 18731 answers" "$dir/doctor"
}
is "also for the agent's doctor" agents_doctor
is "and by what it says itself" doctor "Credential proxy" ok "it runs (daemon) at port 18731"
second() { fails "a proxy runs already" p start && fails "a proxy runs already" p start --port 9999 && row2; }
is "a second start is refused" second
by_hand() { fails "listens" p serve --port 9001 --ssh-agent-port 9002 --ssh-keys-file "$credentials/ssh-keys.json" || fails "in use" p serve --port 9001 --ssh-agent-port 9002 --ssh-keys-file "$credentials/ssh-keys.json"; }
is "and so is one by hand, at the same socket (statement 73)" by_hand
port_taken() { fails "Address already in use" p serve --socket-path "$dir/run/other.sock" --ssh-agent-port 9002 --ssh-keys-file "$credentials/ssh-keys.json" && ! [ -e "$dir/run/other.sock" ]; }
is "or at the same port" port_taken
counts() {
	echo '{"claude": {"upstream": "https://api.example.com"}, "gh": {"upstream": "https://gh.example.com"}}' | u tee "$credentials/routes.json" >/dev/null
	u env PATH=/usr/bin:/bin python3 - "$credentials/credentials.db" <<-'END' || return 1
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		db.execute("CREATE TABLE IF NOT EXISTS credentials (credential_set TEXT NOT NULL, provider TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (credential_set, provider))")
		rows = [(s, p, '{"type": "api_key", "key": "k"}') for s, p in (("default", "gh"), ("default", "claude"), ("other", "glab"))]
		db.executemany("INSERT INTO credentials VALUES (?, ?, ?)", rows)
		db.commit()
	END
	stands daemon true true '.routes_configured == 2 and .credentials_stored == ["claude", "gh"]'
}
is "status counts routes, and names what is stored in the default set (statement 75)" counts
bad_json() {
	echo '{"claude": ' | u tee "$credentials/routes.json" >/dev/null
	stands daemon true true '.routes_configured == 0 and .credentials_stored == ["claude", "gh"]' && echo '{}' | u tee "$credentials/routes.json" >/dev/null
}
is "and tolerates routes that are none (statement 75)" bad_json
killed() {
	local pid
	pid=$(cat "$pid_file")
	[ "$pid" -gt 1 ] && kill -KILL "$pid" && until_true row1 && [ -S "$sock" ] && p start && row2 && by_path
}
is "killed, its socket is a stale one, which is replaced (statement 73)" killed
is "and stops" p stop
stopped() { row1 && ! [ -e "$pid_file" ] && ! [ -e "$sock" ] && [ -z "$(proxies)" ]; }
is "nothing of it is left" stopped
no_socket() { # KIND
	if [ "$1" = file ]; then echo mine | u tee "$sock" >/dev/null; else u mkdir "$sock"; fi
	! p start >"$dir/out" 2>"$dir/err" && grep -qF "$sock" "$dir/err" && row1 && if [ "$1" = file ]; then [ "$(cat "$sock")" = mine ] && rm "$sock"; else rmdir "$sock"; fi
}
is "a file in the socket's place stays, and the start fails (statement 73)" no_socket file
is "and so does a folder (statement 73)" no_socket folder
early() {
	$as nc -lk 127.0.0.1 18731 &
	holder=$!
	until_true u nc -z 127.0.0.1 18731
	! p start 2>"$dir/err" && grep -q "Address already in use" "$dir/err" && [ -z "$(proxies)" ]
	r=$?
	kill $holder && wait $holder
	return $r
}
is "one that ends early is an error, with what it said (statement 74)" early
not_ours() { # wrong process, no sockets, too few: it makes its own (statement 72)
	local pid env r=1
	for env in "LISTEN_PID=1 LISTEN_FDS=3" "LISTEN_FDS=3" "LISTEN_PID=self LISTEN_FDS=0"; do
		# shellcheck disable=SC2016
		$as env ${env/LISTEN_PID=self/} sh -c '[ "$2" = 0 ] && export LISTEN_PID=$$; exec "$1" serve' sh "$proxy" "${env##*=}" 2>"$dir/err" &
		pid=$!
		until_true health && by_path && agent && r=0 || r=1
		kill $pid && wait $pid
		[ $r -eq 0 ] || { echo "$env"; cat "$dir/err"; return 1; }
	done
}
is "what is passed to another process, or is nothing, is none: it listens itself (statement 72)" not_ours

# --- under systemd -----------------------------------------------------------------------------

manager_begin u

dry() { p install --dry-run >"$dir/dry" && grep -q "^# terok-credential-proxy-version: 20" "$dir/dry" && nothing_written; }
is "a dry run shows the units and writes nothing" dry
# what older ones left: of the same name, and of the one that it had later
u mkdir -p "$units"
printf '# terok-credential-proxy-version: 4\n[Socket]\nListenStream=%s\nListenStream=127.0.0.1:18731\n[Install]\nWantedBy=sockets.target\n' "${sock// /}" | u tee "$units/$socket" >/dev/null
printf '# terok-credential-proxy-version: 4\n[Service]\nExecStart=/bin/sleep 1000\n' | u tee "$units/$service" >/dev/null
printf '# terok-vault-version: 13\n[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n' | u tee "$units/terok-vault.service" >/dev/null
printf '[Service]\nExecStart=/bin/sleep 1000\n' | u tee "$units/terok-vault-mine.service" >/dev/null
ctl daemon-reload
ctl enable --now -q "$socket" terok-vault.service
outdated() { stands systemd true true '.unit_version == 4 and (.outdated | startswith("Systemd units are outdated (installed v4, expected v20)"))' && fails "installed v4, expected v20" p ensure-reachable; }
is "units of an older proxy are outdated" outdated
is "which the doctor says as well" doctor "Credential proxy" warn "installed v4"
is "install takes their place" p install
swept() { ! [ -e "$units/terok-vault.service" ] && [ "$(shows terok-vault.service ActiveState)" = inactive ] && [ -e "$units/terok-vault-mine.service" ]; }
is "what had another name is gone, ended, and a person's own is there" swept
written() {
	local unit
	for unit in "$socket" "$service"; do
		[ "$(head -n 1 "$units/$unit")" = "# terok-credential-proxy-version: 20" ] && [ "$(ctl is-enabled "$unit")" = enabled ] || return 1
	done
	[ "$(shows "$service" ActiveState)" = active ]
}
is "both units have the stamp on line 1 and are enabled, the service runs" written
is "systemd finds no mistake in them" faultless "$units/$socket" "$units/$service"
row3() { stands systemd true true '.port == 18731 and .ssh_agent_port == 18732 and .outdated == null'; }
running() { row3 && jq -e ".pid == $(shows "$service" MainPID) and .pid > 1" "$dir/json" && [ "$(jq -r .socket_path "$dir/json")" = "$sock" ] && [ "$(jq -r .db_path "$dir/json")" = "$credentials/credentials.db" ]; }
is "status says which process, and where its files are" running
all_three() { health && by_path && agent && private; }
is "it answers at its three sockets, which systemd made (statement 72)" all_three
hardened() {
	local status
	status=/proc/$(shows "$service" MainPID)/status
	grep -q "^Seccomp:.2" "$status" && grep -q "^NoNewPrivs:.1" "$status" && grep -q "^Max core file size  *0 " "/proc/$(shows "$service" MainPID)/limits"
}
is "it may call only what it needs, and leaves no core" hardened
# signs: what has the key signs a text, of the agent at $SSH_AUTH_SOCK
signs() {
	u ssh-add -L >"$dir/run/key.pub" && echo text | u ssh-keygen -q -Y sign -n git -f "$dir/run/key.pub" | grep -q "BEGIN SSH SIGNATURE"
}
own_socket() { # of the host, for the project: it comes with its first key
	p ssh init proj && export SSH_AUTH_SOCK=$run/ssh-agent-local-proj.sock && until_true test -S "$SSH_AUTH_SOCK" && signs && [ "$(stat -c %a "$SSH_AUTH_SOCK")" = 600 ]
}
is "the signer within it signs, sealed key and all, for who is at home" own_socket
by_token() { # as a container, with what env tells it
	local pid r
	p env proj task --json >"$dir/env" || return 1
	$as env PATH=/usr/bin:/bin python3 "$here/agent_bridge.py" "$dir/run/bridge.sock" "$(jq -r .TEROK_SSH_AGENT_PORT "$dir/env")" "$(jq -r .TEROK_SSH_AGENT_TOKEN "$dir/env")" >"$dir/bridge" &
	pid=$!
	until_true grep -q ready "$dir/bridge" && SSH_AUTH_SOCK=$dir/run/bridge.sock signs
	r=$?
	kill $pid && wait $pid
	return $r
}
is "and for a container, with the token that env tells it" by_token
idle() { ctl stop "$service" && row3 && jq -e '.pid == null' "$dir/json" && [ "$(shows "$service" ActiveState)" = inactive ]; }
is "looking begins no service" idle
looks() { doctor "Credential proxy" ok "it runs (systemd) at port 18731" && [ "$(shows "$service" ActiveState)" = inactive ]; }
is "nor does the doctor" looks
is_active() { [ "$(shows "$service" ActiveState)" = active ]; }
begins() { # COMMAND...: what begins it
	[ "$(shows "$service" ActiveState)" = inactive ] && "$@" && until_true is_active && row3 && ctl stop "$service"
}
is "a request begins it" begins health
is "and so does one by the unix socket" begins by_path
is "and who comes to the SSH agent first" begins agent
is "to look whether it can be reached is to begin it" begins p ensure-reachable
comes_back() {
	local pid
	health && pid=$(shows "$service" MainPID) && [ "$pid" -gt 1 ] && kill -KILL "$pid" && health && [ "$(shows "$service" MainPID)" != "$pid" ]
}
is "killed, it comes back, and nobody is turned away" comes_back
is_fed() { [ "$(shows "$service" WatchdogTimestampMonotonic)" != "$before" ]; }
fed() {
	local before i
	for i in 1 2 3; do
		before=$(shows "$service" WatchdogTimestampMonotonic)
		until_true is_fed || return 1
	done
}
u mkdir "$units/$service.d"
printf '[Service]\nWatchdogSec=1\n' | u tee "$units/$service.d/test.conf" >/dev/null
ctl daemon-reload && ctl restart "$service"
is "it feeds its watchdog" fed
u rm -r "$units/$service.d"
ctl daemon-reload
no_second() { fails "a proxy runs already (systemd)" p start && fails "a proxy runs already" p start --daemon; }
is "a second start is refused here too" no_second
two_passed() { # as the program that was before has it: the agent's port is none of systemd's
	u sed -i '/18732/d' "$units/$socket" && ctl daemon-reload && ctl stop "$service" && ctl restart "$socket" && health && agent && p install && all_three
}
is "with two sockets it makes the third (statement 72)" two_passed
moved() { p install --port 18800 --ssh-agent-port 18801 && port=18800 health && agent 18801 && ! health && stands systemd true true '.port == 18800 and .ssh_agent_port == 18801'; }
is "installed elsewhere, it is elsewhere" moved
is "which the doctor says, as containers would not find it" doctor "Credential proxy" warn "containers are let through to 18731"
p install >/dev/null
diverged() { fails "have another store" p ensure-reachable --db-path "$dir/other.db"; }
is "another store is not what is meant" diverged
is "it is stopped" p stop
row5() { stands systemd false false '.pid == null' && fails "The proxy is not running (its units are there)" p ensure-reachable && ! [ -e "$sock" ]; }
is "a unit, nothing listens: systemd, and it does not run" row5
is "the doctor says that" doctor "Credential proxy" error "it does not run"
row4() { p start --daemon && stands daemon true true && health && p ensure-reachable; }
is "a unit, nothing listens, a daemon: daemon" row4
refused() { fails "a proxy runs in the background" p install; }
is "nothing is installed over a daemon" refused
started() { p stop && p start && row3; }
is "start has systemd begin it" started

# --- gone ----------------------------------------------------------------------------------------

is "uninstall" p uninstall
gone() {
	stands none false false && ! ls "$units"/terok-credential-proxy.* "$units"/{sockets,default}.target.wants/terok-credential-proxy.* 2>/dev/null &&
		[ "$(shows "$service" LoadState)" = not-found ] && ! health && ! [ -e "$sock" ] && [ -e "$credentials/credentials.db" ] && [ -z "$(proxies)" ]
}
is "nothing of it is left but what it serves" gone
exit $bad
