#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_sandbox_guard.sh - terok-sandbox and the guard: root's containers and a user's are guarded before
# their first instruction or are not there; what its doctor says of host, services and containers
. "$(dirname "$0")/lib.sh"
SANDBOX=$B/terok-sandbox
[ -x "$SANDBOX" ] || fail "$SANDBOX is not there (make)"
LAB_TIMEOUT=200 # other suites may run beside it
enter_lab
PATH=$B:$PATH # where it finds terok-bpfd

start_server
make_image
# clients of services that an image may have
# (of this busybox's wget -T is broken, and no other is without libraries)
printf '#!/bin/sh\nfor url; do :; done\nexec busybox wget -q --spider "$url"\n' >/run/image/bin/wget
printf '#!/bin/sh\nexec sh "$@"\n' >/run/image/bin/bash
chmod 755 /run/image/bin/bash /run/image/bin/wget
tar -C /run/image -cf /run/image.tar .
make_user
make_hooks
IMAGE=localhost/bb:latest
podman import -q /run/image.tar $IMAGE >/dev/null 2>&1
as_dev podman import -q /run/image.tar $IMAGE >/dev/null 2>&1
export TEROK_SANDBOX_STATE_DIR=/run/sandbox-state
try="nc -w 2 $HOST $PORT"

# exits CODE TEXT CMD...: CMD ends with this code
exits() {
	local code=$1 text=$2 rc=0
	shift 2
	"$@" >/run/out 2>&1 || rc=$?
	[ $rc = "$code" ] || fail "$text: '$*' ended with $rc, not $code: $(cat /run/out)"
	echo "ok $text"
}
root() { "$SANDBOX" "$@"; }
dev() { as_dev env TEROK_RUN=$TEROK_RUN "$SANDBOX" "$@"; }
who_root() { "$@"; }
who_dev() { as_dev env TEROK_RUN=$TEROK_RUN "$@"; }
inside() { local who=$1; shift; "who_$who" podman exec stays "$@"; }
state_is() { [ "$("$1" state "$2")" = "$3" ]; }
finding() { jq -r --arg l "$1" '.checks[] | select(.label == $l) | .severity' /run/out; }

# --- the hook is there when podman finds it, and the agent when it answers ----------------

exits 1 "of a user: without a hook nothing is started" dev run box -- $IMAGE id
said "no hook of terok-bpfd is where podman looks for hooks"
sed -i 's,^\[engine\],[engine]\nhooks_dir = ["/run/hooks"],' /etc/containers/containers.conf /home/dev/.config/containers/containers.conf
for who in root dev; do
	exits 1 "$who: without an agent nothing is started" $who run box -- $IMAGE id
	said "the agent does not answer"
	check "$who: and nothing is there" state_is $who box absent
	exits 2 "$who: the doctor says so" $who doctor --json
	[ "$(finding Agent)" = error ] && [ "$(finding "Container hook")" = ok ] || fail "$(cat /run/out)"
done
start_agent
start_client

# --- guarded from the first instruction ----------------------------------------------------

mkdir -m 777 /run/work
for who in root dev; do
	exits 0 "$who: control: without a guard the server is reached" $who run open --no-shield --workdir / --quiet -- $IMAGE sh -c "$try"
	exits 0 "$who: control: it was" $who wait open
	exits 0 "$who: a container whose first act is to connect" $who run first --workdir / --dossier project=site \
		--dossier "task=Fix it, then rest" -- $IMAGE sh -c "$try"
	exits 1 "$who: is refused" $who wait first
	wait_event "$who: who it is comes with its guard" '.type == "guard_attached" and .dossier.project == "site" and .dossier.task == "Fix it, then rest"'
	$who stop open first >/dev/null
	exits 0 "$who: one that stays" $who run stays -v /run/work:/workspace -- $IMAGE sleep 1000
	exits 1 "$who: is refused as well" inside $who sh -c "$try"
	check "$who: its guard is known by its name" sh -c "$BPFD status --json | jq -e '.guards[] | select(.name == \"stays\" and .state == \"up\")'"
	check "$who: allow is taken" who_$who terok-bpfd allow stays $HOST --port $PORT
	exits 0 "$who: and in force" inside $who sh -c "$try"
	exits 0 "$who: its guard is as it should be" $who doctor stays --shield-state up
	said "Shield state .... ok (up)"
	check "$who: it is let down" who_$who terok-bpfd down stays
	exits 1 "$who: a guard in another state is a warning, and exit 1" $who doctor stays --shield-state up
	said "shield state mismatch: actual='down', desired='up'"
	said "fix: restore to desired: terok-bpfd up stays"
	exits 1 "$who: a hook that refuses it is podman's error, and nothing is left" $who run evil --workdir / -- --pid host $IMAGE id
	said "shares a process namespace"
	check "$who: nothing" state_is $who evil absent
done

# --- services on the host's loopback, from there and from within a container ----------------

# as the proxy answers: its front page wants a token, its health does not; both families of root's
# containers and the user's slirp4netns end at this port
mkdir -p /run/www/-
cat >/run/serve <<-'END'
	#!/bin/sh
	read -r method path rest
	case $path in
	/-/health) printf 'HTTP/1.0 200 OK\r\n\r\n{"status": "ok"}' ;;
	*) printf 'HTTP/1.0 401 Unauthorized\r\n\r\nMissing authentication' ;;
	esac
END
chmod 755 /run/serve
socat TCP-LISTEN:18731,bind=127.0.0.1,fork,reuseaddr EXEC:/run/serve &
socat TCP-LISTEN:18732,bind=127.0.0.1,fork,reuseaddr EXEC:cat &
listening() { ss -Hltn "sport = :18732" | grep -q . && ss -Hltn "sport = :18731" | grep -q .; }
until listening; do sleep 0.05; done
exits 1 "what a front page says is no health" sh -c "busybox wget -q --spider http://127.0.0.1:18731/"
exits 0 "from the host a healthy proxy is ok, which wants a token for its front page" \
	sh -c "$SANDBOX doctor --proxy-port 18731 --ssh-agent-port 18732 --json | jq -e '.checks[:2] | map(.label + \" \" + .severity) == [\"Credential proxy (TCP) ok\", \"SSH agent (TCP) ok\"]'"
exits 0 "the doctor's checks are in their order" \
	sh -c "$SANDBOX doctor --ssh-agent-port 18732 --json | jq -e '(.checks[0].label == \"SSH agent (TCP)\") and (.checks[-1] | .label == \"Shield state\" and .detail == \"not managed\")'"
who_dev terok-bpfd up stays >/dev/null
exits 0 "from within a container as well" dev doctor stays --proxy-port 18731 --ssh-agent-port 18732 --shield-state up
said "Credential proxy (TCP) .... ok (proxy reachable at port 18731)"
said "SSH agent (TCP) .... ok (SSH agent reachable at port 18732)"
exits 2 "a service that is not there is an error, and exit 2" dev doctor stays --proxy-port 9418
said "Credential proxy (TCP) .... ERROR (proxy unreachable at http://host.containers.internal:9418/-/health"
exits 2 "the same from the host" root doctor --proxy-port 9418
said "Credential proxy (TCP) .... ERROR (proxy unreachable at http://127.0.0.1:9418/-/health"
socat TCP-LISTEN:19999,bind=127.0.0.1,fork,reuseaddr EXEC:cat &
refuse "another port of the host's loopback is not reached" who_dev podman exec stays nc -w 2 10.0.2.2 19999

# --- how the guard stands -------------------------------------------------------------------

exits 0 "shield status" root shield status
diff - /run/out <<-END || fail "shield status"
	Shield mode: hook
	Profiles: dev-standard
	Audit: enabled
	Hooks: /run/hooks/terok-createRuntime.json
	Health: ok
END
mkdir -p /run/config
printf '# ours\nbase\n  dev-node # both\n' >/run/config/default-profiles
exits 0 "its profiles are those that there are" env TEROK_CONFIG=/run/config "$SANDBOX" shield status --json
jq -e '.profiles == ["base", "dev-node"] and .health == "ok"' /run/out >/dev/null || fail "$(cat /run/out)"
exits 2 "shield setup wants to know for whom" root shield setup
said "for whom"

# --- what podman was asked before -----------------------------------------------------------

mkdir -p /run/listed
install -d -o dev /run/asked
printf '#!/bin/sh\necho "$1" >>/run/asked/$(id -u)\nexec %s "$@"\n' "$(command -v podman)" >/run/listed/podman
chmod 755 /run/listed/podman
PATH=/run/listed:$PATH
asks_info() { grep -q '^info$' "/run/asked/$1"; }
for who in root dev; do
	id=$(who_$who id -u) conf=/etc/containers/containers.conf
	[ $who = root ] || conf=/home/dev/.config/containers/containers.conf
	install -m 666 /dev/null "/run/asked/$id"
	for i in $(seq 100); do # nothing is kept of settings that changed a moment ago
		: >/run/asked/$id
		exits 0 "$who: a dry run" $who run dry --dry-run --quiet -- $IMAGE id >/dev/null
		asks_info $id || break
	done
	[ "$i" -gt 1 ] && [ "$i" -lt 100 ] || fail "$who: asked at $i"
	: >/run/asked/$id
	exits 0 "$who: a start with nothing new" $who run known --workdir / --quiet -- $IMAGE sleep 1000
	[ "$(cat /run/asked/$id)" = run ] || fail "$who: podman was asked more: $(cat /run/asked/$id)"
	echo "ok $who: asks podman for nothing else"
	exits 1 "$who: and a name that is taken" $who run known --workdir / --quiet -- $IMAGE id
	said "there is a container 'known' already (running)"
	check "$who: which stays" state_is $who known running
	exits 0 "$who: one that waits to be started" who_$who podman create --name waits $IMAGE id
	exits 1 "$who: has its name as well" $who run waits --workdir / --quiet -- $IMAGE id
	said "there is a container 'waits' already (created)"
	check "$who: and is not removed" state_is $who waits created
	exits 0 "$who: stop" $who stop known waits --grace 0
	mv /run/hooks/terok-createRuntime.json /run/kept
	exits 1 "$who: a hook that is gone is seen all the same" $who run none --workdir / -- $IMAGE id
	said "no hook of terok-bpfd"
	mv /run/kept /run/hooks/terok-createRuntime.json
	sed -i 's,^hooks_dir = .*,hooks_dir = ["/run/elsewhere"],' $conf
	exits 1 "$who: and so is another setting, at once" $who run none --workdir / -- $IMAGE id
	said "no hook of terok-bpfd is where podman looks for hooks (/run/elsewhere)"
	check "$who: nothing was started" state_is $who none absent
	sed -i 's,^hooks_dir = .*,hooks_dir = ["/run/hooks"],' $conf
done

# --- a hook that does nothing ---------------------------------------------------------------

mkdir -p /run/false
printf '#!/bin/sh\nexit 0\n' >/run/false/terok-nothing
chmod 755 /run/false/terok-nothing
sed -i 's,/[^"]*terok-hook",/run/false/terok-nothing",' /run/hooks/terok-createRuntime.json
for who in root dev; do
	exits 1 "$who: a hook that is called and guards nothing is found out, and the container ended" $who run none --workdir / -- $IMAGE sleep 1000
	said "has no guard; it is ended"
	check "$who: it is not there" state_is $who none absent
	exits 0 "$who: stop" $who stop stays --grace 0
done
stop_agent
check "unload" "$BPFD" unload --force
podman rm -f -t 0 -a >/dev/null
as_dev podman rm -f -t 0 -a >/dev/null
