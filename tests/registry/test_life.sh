#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_life.sh - the control plane's life: in the background, under a user's systemd, what status says of it
#
# As tests/gate/test_life.sh: a user's service manager of its own, nobody's. What all services have
# in common is looked at there in full; here that it is the control plane's: podman, which a script
# plays, goes on where it has given up what podman needs, and a real agent's peer has its session.
# shellcheck disable=SC2154 # they are of manager.bash
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
cp=$B/terok-cp
. "$(dirname "$0")/../lab/manager.bash"

if [ -z "${1:-}" ]; then
	manager_needs jq ip nc openssl setpriv
	for program in "$cp" "$B/terok-agentd"; do
		[ -x "$program" ] || { echo "$program is not there (make)"; exit 1; }
	done
	exec unshare --mount --net --propagation private "$0" outside
fi
[ "$1" = inside ] || manager_outside cp-life

# --- inside ------------------------------------------------------------------------------

manager_inside "$2"
chown nobody "$dir"
ip link set lo up
mount -t tmpfs none /etc/systemd/system
chown nobody /sys/fs/cgroup /sys/fs/cgroup/cgroup.{procs,subtree_control,threads}
cd "$dir" || exit 1

home="$dir/ho me" # as some have it
export HOME=$home XDG_RUNTIME_DIR=$dir/run
unset TEROK_SANDBOX_STATE_DIR TEROK_SANDBOX_RUNTIME_DIR TEROK_CREDENTIALS_DIR
as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
u() { $as "$@"; }
c() { u timeout 60 "$cp" "$@"; }
ctl() { u timeout 60 systemctl --user "$@"; }
units=$home/.config/systemd/user pki=$home/.local/share/terok/credentials/pki db=$home/.local/share/terok/sandbox/controlplane/controlplane.db
pid_file=$dir/run/terok/sandbox/control-plane.pid sock=$dir/run/terok/sandbox/control-plane.sock
socket=terok-cp.socket service=terok-cp.service
u mkdir -m 0700 "$home" "$dir/run"

# --- a runtime: while there is a file "there" an agent's container runs, at 127.0.0.1
u mkdir "$dir/bin"
u tee "$dir/bin/podman" >/dev/null <<'END2'
#!/bin/bash
dir=$(dirname "$(dirname "$0")")
labels='{"dev.clawker.managed":"true","dev.clawker.purpose":"agent","dev.clawker.agent":"dev","dev.clawker.project":"proj"}'
grep -h "^NoNewPrivs\|^Seccomp:\|^CapBnd" /proc/self/status | tr -d ' \t\n' >"$dir/powers"
case "$1 $*" in
ps*json*) if [ -e "$dir/there" ]; then printf '[{"Id":"aa","Names":["c"],"State":"running","Labels":%s}]\n' "$labels"; else echo '[]'; fi ;;
ps*) [ ! -e "$dir/there" ] || echo aa ;;
container*) printf '[{"Id":"aa","Config":{"Labels":%s},"NetworkSettings":{"Networks":{"clawker-net":{"IPAddress":"127.0.0.1"}}}}]\n' "$labels" ;;
events*) exec sleep 1000 ;;
esac
END2
chmod 755 "$dir/bin/podman"
export PATH=$dir/bin:$PATH

# stands MODE RUNNING [JQ]: what status says
stands() {
	c status --json >"$dir/json" || return 1
	jq -e ".mode == \"$1\" and .running == $2 and (${3:-true})" "$dir/json" || { cat "$dir/json"; return 1; }
}
nothing_written() { ! [ -e "$units" ] || { find "$units"; return 1; }; }
planes() { living terok-cp; }
serves() { # [PORT]: TLS of ours, by a certificate of ours
	u timeout 10 openssl s_client -connect "127.0.0.1:${1:-7444}" -alpn h2 -CAfile "$pki/ca.pem" -cert "$pki/cli.pem" -key "$pki/cli.pem" \
		-verify_return_error </dev/null 2>&1 | grep -q 'Verify return code: 0'
}
both() { serves 7444 && serves 7443; }

# --- nothing there ---------------------------------------------------------------------------

row1() { stands none false '.healthy == false and .port == 7444 and .admin_port == 7443 and .installed == false and .pid == null and .registered == 0 and .sessions == null'; }
is "no unit, no daemon: none" row1
untouched() { ! [ -e "$home/.local" ] && [ "$(jq -r .db_path "$dir/json")" = "$db" ]; }
is "looking makes nothing" untouched
stop_nothing() { c stop | grep -qx "no control plane runs"; }
is "there is nothing to stop" stop_nothing
is "and nothing to uninstall" c uninstall
is "without certificates nothing begins, and it is said what to do" fails "terok-cp pki init" c start
c pki init >/dev/null
no_manager() { fails "of this user does not answer" c install && nothing_written; }
is "nothing is installed without a service manager" no_manager
for_root() {
	HOME=/root fails "of this system does not answer" timeout 60 "$cp" install --pki-dir "$pki" && [ -z "$(ls /etc/systemd/system)" ] &&
		HOME=/root timeout 60 "$cp" install --pki-dir "$pki" --dry-run >"$dir/dry" && grep -q "^would write /etc/systemd/system/terok-cp.service" "$dir/dry" && grep -q "^WantedBy=multi-user.target" "$dir/dry"
}
is "root's is the system's" for_root
same_ports() { fails "are the same" c install --agent-port 7000 --admin-port 7000 && nothing_written; }
is "two sockets do not go to one port" same_ports
bad_plan() { echo '{"steps":[],"steps":[]}' | u tee "$dir/plan" >/dev/null && fails "$dir/plan:1: steps is there twice" c start --plan "$dir/plan" && nothing_written; }
is "a plan that is none is said before anything begins" bad_plan

# --- in the background -------------------------------------------------------------------------

is "it starts in the background" c start
row2() { stands daemon true ".healthy == true and .port == 7444 and .pid == $(cat "$pid_file") and .sessions == 0"; }
is "no unit, a daemon: daemon, and healthy" row2
is "it serves at both ports" both
private() { [ "$(stat -c "%F %a" "$sock")" = "socket 600" ]; }
is "who watches comes to a socket that is nobody else's" private
second() { fails "a control plane runs already" c start && row2; }
is "a second start is refused" second
by_hand() { fails "in use" c serve --pki-dir "$pki" && fails "has had it" c serve --agent-port 9001 --admin-port 9002 --socket "$dir/run/other.sock"; }
is "and so is one by hand, at the same port or of the same registry" by_hand
confined() { # a process that hears agents
	local status=/proc/$1/status
	grep -q "^Seccomp:.2" "$status" && grep -q "^NoNewPrivs:.1" "$status" && grep -q "^CapEff:.0*$" "$status" && grep -q "^Max core file size  *0 " "/proc/$1/limits" &&
		[ "$(stat -c %U "/proc/$1/environ")" = root ] # whom nobody but root looks into
}
is "it has given up what it does not need" eval 'confined "$(cat "$pid_file")"'
powers() { [[ $(cat "$dir/powers") == *NoNewPrivs:0*Seccomp:0* ]] || { cat "$dir/powers"; return 1; }; }
is "and podman has what podman needs" powers
alone() { # descriptors of the runner's: standard ones, its socket and its loop
	local pid=
	pid=$(living terok-cp-podman) && [ "$(find "/proc/$pid/fd" -type l -lname 'socket:*' | wc -l)" -le 2 ] && ! grep -aq PRIVATE "/proc/$pid/environ"
}
is "the process that runs it has none of the control plane's sockets" alone
runner_dies() {
	kill -KILL "$(living terok-cp-podman)" && until_true row1
}
is "without that process there is no control plane either" runner_dies
no_runner() { [ -z "$(living terok-cp-podman)" ]; }
killed() {
	local pid
	c start && pid=$(cat "$pid_file") && [ "$pid" -gt 1 ] && kill -KILL "$pid" && until_true row1 && until_true no_runner && c start && row2 && both
}
is "killed, nothing of it stays, and its sockets are there for the next" killed
is "and stops" c stop
stopped() { row1 && ! [ -e "$pid_file" ] && ! [ -e "$sock" ] && [ -z "$(planes)$(living terok-cp-podman)$(living podman)" ]; }
is "nothing of it is left" until_true stopped
early() {
	$as nc -lk 127.0.0.1 7444 &
	holder=$!
	until_true u nc -z 127.0.0.1 7444
	! c start 2>"$dir/err" && grep -q "Address already in use" "$dir/err" && [ -z "$(planes)" ]
	r=$?
	kill $holder && wait $holder
	return $r
}
is "one that ends early is an error, with what it said" early

# --- under systemd -----------------------------------------------------------------------------

manager_begin u
ctl import-environment PATH # a manager has a PATH of its own
rm "$dir/powers"

echo '{"steps":[]}' | u tee "$dir/plan" >/dev/null
nor_installed() {
	echo '{"steps":[],"steps":[]}' | u tee "$dir/wrong" >/dev/null
	fails "terok-cp pki init" c install --pki-dir "$dir/none" && fails "$dir/wrong:1: steps is there twice" c install --plan "$dir/wrong" && nothing_written
}
is "without certificates, or with a plan that is none, nothing is installed" nor_installed
dry() { c install --dry-run >"$dir/dry" && grep -q "^# terok-cp-version: 20" "$dir/dry" && nothing_written; }
is "a dry run shows the units and writes nothing" dry
is "install" c install --plan "$dir/plan" --agent-bind 127.0.0.2
written() {
	local unit
	for unit in "$socket" "$service"; do
		[ "$(head -n 1 "$units/$unit")" = "# terok-cp-version: 20" ] && [ "$(ctl is-enabled "$unit")" = enabled ] || return 1
	done
	[ "$(shows "$service" ActiveState)" = active ]
}
is "both units have the stamp on line 1 and are enabled, the service runs" written
is "systemd finds no mistake in them" faultless "$units/$socket" "$units/$service"
row3() { stands systemd true '.outdated == null'; }
running() { row3 && jq -e ".healthy and .address == \"127.0.0.2\" and .sessions == 0 and .pid == $(shows "$service" MainPID) and .pid > 1" "$dir/json" && [ "$(jq -r .plan_path "$dir/json")" = "$dir/plan" ]; }
is "status says which process, where it is, and what it was told" running
elsewhere() { u timeout 10 nc -z 127.0.0.2 7444 && ! u timeout 10 nc -z 127.0.0.1 7444 && serves 7443; }
is "agents come in where it was said" elsewhere
later() { c install --agent-bind 10.11.12.13 && row3 && ip addr add 10.11.12.13/32 dev lo && u timeout 10 nc -z 10.11.12.13 7444; }
is "also at an address that comes later" later
# there is no agent of the machine's, by which a user's containers would be dialled in their networks
c install --plan "$dir/plan" --dial address >/dev/null
is "under systemd it has given up the same" eval 'confined "$(shows "$service" MainPID)"'
is "and podman has what it needs" powers
idle() { ctl stop "$service" && row3 && jq -e '.pid == null and .healthy' "$dir/json" && [ "$(shows "$service" ActiveState)" = inactive ]; }
is "looking begins no service" idle
is_active() { [ "$(shows "$service" ActiveState)" = active ]; }
begins() { # COMMAND...: what begins it
	[ "$(shows "$service" ActiveState)" = inactive ] && "$@" && until_true is_active && row3 && ctl stop "$service"
}
is "an agent that calls begins it" begins serves 7444
is "and so do people's programs" begins serves 7443
watches() { u timeout 20 "$cp" watch --json | head -n 1 | grep -q '"snapshot"'; }
is "and who watches" begins watches
ctl start "$service"
comes_back() {
	local pid
	pid=$(shows "$service" MainPID) && [ "$pid" -gt 1 ] && kill -KILL "$pid" && both && [ "$(shows "$service" MainPID)" != "$pid" ]
}
is "killed, it comes back, and nobody is turned away" comes_back
has_session() { stands systemd true '.sessions == 1 and .registered == 1 and .untrusted == 0'; }
session() { # of a real peer, which registers
	c pki issue dev --container aa --project proj --out "$dir/run/bundle" >/dev/null || return 1
	$as env CLAWKER_USER=65534:65534 CLAWKER_AGENT=dev CLAWKER_PROJECT=proj CLAWKER_CP_AGENT_ADDR=127.0.0.1:7444 \
		"$B/terok-agentd" --listen 127.0.0.1:7700 --bootstrap "$dir/run/bundle" -- /bin/sleep 1000 >/dev/null 2>"$dir/agent.log" &
	agent=$!
	u touch "$dir/there"
	ctl restart "$service"
	until_true has_session || { cat "$dir/agent.log"; return 1; }
}
is "an agent that runs has a session, and registers" session
reloaded() {
	local before
	before=$(shows "$service" MainPID)
	c pki rotate server client assertion >/dev/null && ctl reload "$service" && [ "$(shows "$service" ActiveState)" = active ] && [ "$(shows "$service" MainPID)" = "$before" ] &&
		[ "$(u openssl s_client -connect 127.0.0.1:7444 -alpn h2 -cert "$pki/cli.pem" -key "$pki/cli.pem" </dev/null 2>/dev/null | openssl x509 -noout -serial)" = "$(u openssl x509 -in "$pki/server.pem" -noout -serial)" ] &&
		has_session
}
is "a reload takes new certificates, and costs no session" reloaded
again() { ctl restart "$service" && until_true has_session; }
is "with which the next session is made" again
kill $agent 2>/dev/null
wait $agent 2>/dev/null
u rm "$dir/there"
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
no_second() { fails "a control plane runs already (systemd)" c start && fails "a control plane runs already" c start --daemon; }
is "a second start is refused here too" no_second
is "it is stopped" c stop
row5() { stands systemd false '.pid == null and .healthy == false' && ! [ -e "$sock" ]; }
is "a unit, nothing listens: systemd, and it does not run" row5
row4() { c start --daemon && stands daemon true && both; }
is "a unit, nothing listens, a daemon: daemon" row4
refused() { fails "a control plane runs in the background" c install; }
is "nothing is installed over a daemon" refused
started() { c stop && c start && row3 && both; }
is "start has systemd begin it" started
told() { c stop && fails "its units say where things are" c start --plan "$dir/plan"; }
is "which does not hear of other options" told

# --- gone ----------------------------------------------------------------------------------------

is "uninstall" c uninstall
gone() {
	stands none false && ! ls "$units"/terok-cp.* "$units"/{sockets,default}.target.wants/terok-cp.* 2>/dev/null &&
		[ "$(shows "$service" LoadState)" = not-found ] && ! serves && ! [ -e "$sock" ] && [ -e "$db" ] && [ -e "$pki/ca.pem" ] && [ -z "$(planes)" ]
}
is "nothing of it is left but what it keeps" gone
exit $bad
