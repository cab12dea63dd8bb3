# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# podman.bash - a terok-cp, and containers of real podman whose first process is terok-agentd
#
# Sourced, in a throw-away host (tests/podman/lib.sh). The control plane keeps all it has in STATE; what it logs is
# in STATE/log, what it tells in STATE/seen. Commands of agents write lines into OUT.
# shellcheck source=tests/podman/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../podman/lib.sh"
enter_lab
for p in "$B/terok-cp" "$B/terok-agentd"; do
	[ -x "$p" ] || fail "$p is not there (make)"
done
GATEWAY=10.89.7.1
STATE=/run/cp OUT=/run/cp/out WATCHER='' SERVER=''
ENV=(TEROK_CREDENTIALS_DIR=$STATE/c TEROK_SANDBOX_STATE_DIR=$STATE/s TEROK_SANDBOX_RUNTIME_DIR=$STATE/r TEROK_RUN=$TEROK_RUN)
mkdir -p $OUT $STATE/bin
chmod 777 $OUT
: >$STATE/log
: >$STATE/seen
make_image
# own CMD...: as whose all of it is: root; or with OWNER=dev a user, whose containers have a guard each
SERVE=(--agent-bind $GATEWAY) CREATE=(-e CLAWKER_CP_AGENT_ADDR=$GATEWAY:7444)
own() { env "${ENV[@]}" "$@"; }
if [ "${OWNER-}" = dev ]; then
	make_user
	chown -R dev: $STATE
	own() { as_dev "${ENV[@]}" "$@"; }
	SERVE=() CREATE=(--cgroup-parent /user-61000/task --annotation terok.guard= -e CLAWKER_CP_AGENT_ADDR=127.0.0.1:7444)
fi
plane() { own "$B/terok-cp" "$@"; }
podman() { own "$podman" "$@"; }

# A podman that can be away: while $STATE/away is there. With $STATE/leaves it answers who dials, and is away after that.
podman=$(type -P podman)
cat >$STATE/bin/podman <<-END2
	#!/bin/sh
	[ ! -e $STATE/away ] || { echo "away" >&2; exit 125; }
	case "\$*" in *--all*json*) while [ -e $STATE/hold ]; do sleep 0.05; done ;; esac # until somebody watches
	[ "\$1" != container ] || [ ! -e $STATE/leaves ] || mv $STATE/leaves $STATE/away
	exec $podman "\$@"
END2
chmod 755 $STATE/bin/podman

podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
plane pki init >/dev/null
cat >$STATE/plan <<'END2'
{"steps":[{"name":"first","uid":1001,"gid":1001,"command":"echo first >>/out/$CLAWKER_AGENT.steps"},
 {"name":"second","uid":0,"gid":0,"command":["/bin/sh","-c","echo second >>/out/$CLAWKER_AGENT.steps"]}]}
END2
chmod 600 $STATE/plan
[ "${OWNER-}" != dev ] || chown dev: $STATE/plan

# until_true CMD...: it becomes so, in 20 s
until_true() {
	local end=$((SECONDS + 20))
	while [ $SECONDS -lt $end ]; do
		! "$@" || return 0
		sleep 0.05
	done
	return 1
}
# eventually TEXT CMD...
eventually() {
	local text=$1
	shift
	until_true "$@" >/run/out 2>&1 || fail "$text: '$*': $(cat /run/out; tail -n 20 $STATE/log)"
	echo "ok $text"
}
same() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2': $(tail -n 20 $STATE/log)"; echo "ok $3"; }

is_dead() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }

# --- a control plane ---
serves() { [ "$(grep -c ' serves ' $STATE/log)" = 2 ]; }
watches() { [ -s $STATE/seen ]; }
# serve: it does, and what it tells is in seen
serve() {
	[ -z "$WATCHER" ] || { wait $WATCHER 2>/dev/null || :; }
	: >$STATE/log
	: >$STATE/seen
	rm -f $STATE/pid
	touch $STATE/hold
	# its number is its own, whoever waits for it, and its death no news
	# shellcheck disable=SC2016 # its shell's
	own PATH="$STATE/bin:$PATH" sh -c 'echo $$ >"$1/pid"; shift; exec "$@"' - $STATE "$B/terok-cp" serve --plan $STATE/plan "${SERVE[@]}" 2>>$STATE/log &
	disown $!
	until_true test -s $STATE/pid || fail "it does not begin"
	SERVER=$(cat $STATE/pid)
	until_true serves || fail "it does not serve: $(cat $STATE/log)"
	plane watch --json >$STATE/seen 2>/dev/null &
	WATCHER=$!
	until_true watches || fail "nothing is told"
	rm $STATE/hold
}
# end [SIGNAL]
end() {
	kill "${1--TERM}" $SERVER
	until_true is_dead $SERVER || fail "it does not end"
}
logged() { grep -q "event=$1\b" $STATE/log; }

# --- containers of agents ---
# create NAME AGENT [FLAG...]: and its bundle, which is for its id
declare -A id=()
create() {
	local name=$1 agent=$2
	shift 2
	rm -rf "$STATE/bundle-$name"
	own mkdir -m 700 "$STATE/bundle-$name"
	podman create --name "$name" --ulimit host "${CREATE[@]}" "$@" --label dev.clawker.managed=true \
		--label dev.clawker.purpose=agent --label "dev.clawker.agent=$agent" --label dev.clawker.project=proj \
		-v "$B/terok-agentd:/agentd:ro" -v "$STATE/bundle-$name:/run/clawker/bootstrap:ro" -v $OUT:/out \
		-e CLAWKER_AGENT="$agent" -e CLAWKER_PROJECT=proj -e CLAWKER_HOST_UID=1001 \
		-e CLAWKER_HOST_GID=1001 -e NAME="$name" --entrypoint /agentd localhost/bb:latest -- /bin/sh -c \
		'trap : WINCH; echo "$(id -u)" >>/out/$NAME; while :; do sleep 1000; done' >/run/out 2>&1 || fail "create $name: $(cat /run/out)"
	id[$name]=$(tail -n 1 /run/out)
	plane pki issue "$agent" --container "${id[$name]}" --project proj --out "$STATE/bundle-$name" >/dev/null
}
start() { podman start "$1" >/run/out 2>&1 || fail "start $1: $(cat /run/out)"; }
remove() {
	podman rm -f -t 0 "$@" >/dev/null 2>&1
	for name; do rm -f "$OUT/$name" "$OUT"/*.steps; done
}
id_of() { echo "${id[$1]}"; }
# told NAME: what happened to it, as words
told() {
	jq -r --arg id "${id[$1]}" 'select(.container_id == $id and .event) | .event' $STATE/seen |
		sed -n 's/^agent\.//p' | tr '\n' ' '
}
has() { grep -q "\"agent.${2##* }\"" $STATE/seen && [[ $(told "$1") == *"$2"* ]]; }
# reason NAME EVENT: of the last of them
reason() { jq -r --arg id "${id[$1]}" --arg event "agent.$2" 'select(.container_id == $id and .event == $event) | .reason' $STATE/seen | tail -n 1; }
rows() { plane agents --json | jq -r '.[].container_id' | sort | tr '\n' ' '; }
# by its bytes: no openssl runs where another podman's libraries lie over the machine's
thumbprint() { sed '/-----/d' "$STATE/bundle-$1/cert.pem" | base64 -d | sha256sum | cut -d' ' -f1; }
row_of() { plane agents --json | jq -r --arg id "${id[$1]}" '.[] | select(.container_id == $id) | .project + " " + .agent_name + " " + .cert_thumbprint'; }
no_row() { [ -z "$(row_of "$1")" ]; }
runs() { [ "$(cat "$OUT/$1" 2>/dev/null)" = "${2-1001}" ]; }
INIT="init.started init.step.started init.step.completed init.step.started init.step.completed init.step.started init.step.completed init.completed "
# borrow NAME OF: it has the other's bundle
borrow() {
	rm -f "$STATE/bundle-$1"/*
	command cp -p "$STATE/bundle-$2"/* "$STATE/bundle-$1"
}
