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
export HOME=$STATE TEROK_CREDENTIALS_DIR=$STATE/c TEROK_SANDBOX_STATE_DIR=$STATE/s TEROK_SANDBOX_RUNTIME_DIR=$STATE/r
mkdir -p $OUT $STATE/bin
chmod 777 $OUT
plane() { "$B/terok-cp" "$@"; }

# A podman that can be away: while $STATE/away is there. With $STATE/leaves it answers who dials, and is away after that.
podman=$(command -v podman)
cat >$STATE/bin/podman <<-END2
	#!/bin/sh
	[ ! -e $STATE/away ] || { echo "away" >&2; exit 125; }
	[ "\$1" != container ] || [ ! -e $STATE/leaves ] || mv $STATE/leaves $STATE/away
	exec $podman "\$@"
END2
chmod 755 $STATE/bin/podman

make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
podman network create --subnet 10.89.7.0/24 clawker-net >/dev/null
podman network create other >/dev/null
plane pki init >/dev/null
cat >$STATE/plan <<'END2'
{"steps":[{"name":"first","uid":1001,"gid":1001,"command":"echo first >>/out/$CLAWKER_AGENT.steps"},
 {"name":"second","uid":0,"gid":0,"command":["/bin/sh","-c","echo second >>/out/$CLAWKER_AGENT.steps"]}]}
END2
chmod 600 $STATE/plan

# until_true CMD...: it becomes so, in 20 s
until_true() {
	for _ in $(seq 400); do
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
	PATH=$STATE/bin:$PATH "$B/terok-cp" serve --plan $STATE/plan --agent-bind $GATEWAY 2>>$STATE/log &
	SERVER=$!
	disown $SERVER # its death is no news
	until_true serves || fail "it does not serve: $(cat $STATE/log)"
	"$B/terok-cp" watch --json >$STATE/seen 2>/dev/null &
	WATCHER=$!
	until_true watches || fail "nothing is told"
}
end() {
	kill $SERVER
	until_true is_dead $SERVER || fail "it does not end"
}
logged() { grep -q "event=$1\b" $STATE/log; }

# --- containers of agents ---
# create NAME AGENT [FLAG...]: and its bundle, which is for its id. CREATE_NET: its network
declare -A id=()
create() {
	local name=$1 agent=$2
	shift 2
	rm -rf "$STATE/bundle-$name"
	mkdir -m 700 "$STATE/bundle-$name"
	podman create --name "$name" --ulimit host --network "${CREATE_NET-clawker-net}" --label dev.clawker.managed=true \
		--label dev.clawker.purpose=agent --label "dev.clawker.agent=$agent" --label dev.clawker.project=proj \
		-v "$B/terok-agentd:/agentd:ro" -v "$STATE/bundle-$name:/run/clawker/bootstrap:ro" -v $OUT:/out \
		-e CLAWKER_AGENT="$agent" -e CLAWKER_PROJECT=proj -e CLAWKER_CP_AGENT_ADDR=$GATEWAY:7444 -e CLAWKER_HOST_UID=1001 \
		-e CLAWKER_HOST_GID=1001 -e NAME="$name" --entrypoint /agentd "$@" localhost/bb:latest -- /bin/sh -c \
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
