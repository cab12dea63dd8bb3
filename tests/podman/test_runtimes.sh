#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_runtimes.sh - containers of other runtimes: run by runc as docker, nerdctl and kubernetes have it
# run, in cgroups of their names, found by id, by the beginning of one, by name and by path
export PODMANS=machine LAB_WRITE=1 # docker's and nerdctl's folders below /var are the lab's own
. "$(dirname "$0")/lib.sh"
enter_lab

start_server
make_image
check "load" "$BPFD" load
ROOT=/sys/fs/cgroup
attach() { "$BPFD" attach --profile none "$@"; } # whose domains would be asked for
new_id() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# run_in CGROUP ID: a container whose only process sleeps, in the lab's network
run_in() {
	local dir=/run/bundle-$2
	mkdir -p "$dir"
	runc spec --bundle "$dir"
	jq --arg path "$1" '.root = {path: "/run/image", readonly: true} | .process.terminal = false |
		.process.args = ["sleep", "1000"] | .process.rlimits = [] | .linux.cgroupsPath = $path |
		.linux.namespaces |= map(select(.type != "network"))' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
	runc run --detach --bundle "$dir" "$2" </dev/null >/run/out 2>&1 || fail "runc run: $(cat /run/out)"
}
inside() { runc exec "$ID" knock once "$HOST" "$PORT"; } # 0: refused

# guarded_as TEXT CGROUP NAME WORD...: a container there is found by each WORD, and guarded
guarded_as() {
	local text=$1 cgroup=$2 name=$3 word
	shift 3
	refuse "$text: not guarded, the server is reached" inside
	for word in "$@"; do
		check "$text: attach $word" attach --json "$word"
		[ "$(jq -r .cgroup /run/out)" = "$cgroup" ] || fail "$text: another cgroup: $(cat /run/out)"
		[ "$(jq -r .name /run/out)" = "$name" ] || fail "$text: another name: $(cat /run/out)"
		check "$text: guarded, it is refused" inside
		check "$text: detach by its id" "$BPFD" detach "$ID"
	done
}

# --- found ---------------------------------------------------------------------------------------

for shape in /system.slice/docker-ID.scope /docker/ID /system.slice/nerdctl-ID.scope /default/ID \
	/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7.slice/cri-containerd-ID.scope \
	/kubepods.slice/kubepods-pod8.slice/crio-ID.scope /kubepods/besteffort/pod9/ID; do
	ID=$(new_id)
	run_in "${shape/ID/$ID}" "$ID"
	guarded_as "$shape" "${shape/ID/$ID}" "${ID:0:12}" "$ID" "${ID:0:12}" "${ID:0:20}"
	runc delete --force "$ID"
done

ID=$(new_id)
CGROUP=/system.slice/docker-$ID.scope
mkdir -p "/var/lib/docker/containers/$ID"
printf '{"ID":"%s","Name":"/web","State":{"Running":true}}' "$ID" >"/var/lib/docker/containers/$ID/config.v2.json"
run_in "$CGROUP" "$ID"
guarded_as "docker's name" "$CGROUP" web web "$ID"

OTHER=$(new_id)
mkdir -p /var/lib/nerdctl/1935db59/names/default
printf %s "$OTHER" >/var/lib/nerdctl/1935db59/names/default/store
run_in "/default/$OTHER" "$OTHER"
(ID=$OTHER && guarded_as "nerdctl's name" "/default/$OTHER" store store "$OTHER")

printf %s "$OTHER" >/var/lib/nerdctl/1935db59/names/default/web
refuse "a name that docker and nerdctl both have" attach web
said "2 containers are called 'web'"
rm /var/lib/nerdctl/1935db59/names/default/web

# --- by path -------------------------------------------------------------------------------------

for path in "$CGROUP" "${CGROUP#/}" "$ROOT$CGROUP"; do
	check "attach --cgroup $path" attach --cgroup "$path" --name scope
	check "guarded, it is refused" inside
	check "detach" "$BPFD" detach scope
done
check "a path by itself" attach "$ROOT$CGROUP" --name scope
check "guarded, it is refused" inside
check "detach" "$BPFD" detach scope
for words in "" "--cgroup /a /b"; do
	rc=0
	# shellcheck disable=SC2086 # words
	"$BPFD" attach $words >/run/out 2>&1 || rc=$?
	[ $rc = 2 ] || fail "attach $words: exit $rc: $(cat /run/out)"
	echo "ok attach $words is a wrong command line"
done

# --- what must not be guarded, or is not what it looks like --------------------------------------

for path in / "$ROOT" "$ROOT/" /.; do
	refuse "the root, $path" attach --cgroup "$path" --force
	said "the root cgroup"
done
refuse "out of the hierarchy" attach --cgroup /system.slice/../..
mkdir -p $ROOT/init.scope $ROOT/session/shell $ROOT/agent
OWN=$(sed -n 's/^0:://p' /proc/self/cgroup)
move() { echo "$1" >"$ROOT$2/cgroup.procs"; }
move 1 /init.scope
refuse "process 1" attach --cgroup /init.scope
said "process 1 lives in /init.scope"
as_session() { ( move $BASHPID /session/shell && exec "$@" ); }
refuse "one's own" as_session "$BPFD" attach --cgroup /session/shell
said "you lives in\|you live"
refuse "what holds one's own" as_session "$BPFD" attach --cgroup /session
said "add --force"
check "from outside it may be" attach --cgroup /session --name session
check "detach" "$BPFD" detach session
check "and with --force" as_session "$BPFD" attach --cgroup /session --name session --force
check "detach" "$BPFD" detach session
start_agent
move "$AGENT" /agent
refuse "the agent's" attach --cgroup /agent
said "the agent lives in /agent"
move "$AGENT" "$OWN"
stop_agent

# two that begin alike are not guessed at
BOTH=${ID:0:12}$(new_id | cut -c 13-)
run_in "/docker/$BOTH" "$BOTH"
refuse "the beginning of two ids" attach "${ID:0:12}"
said "2 containers fit"
said "/docker/$BOTH"
check "the whole id says which" attach "$BOTH"
check "detach" "$BPFD" detach "$BOTH"
runc delete --force "$BOTH"

# a user's cgroup of that name does not stand in for root's, nor is it root's by itself
groupadd -g 61000 dev
useradd -u 61000 -g dev -K UID_MAX=61000 dev
mkdir -p "$ROOT/user-61000"
chown dev:dev "$ROOT/user-61000"
mkdir "$ROOT/user-61000/docker-$ID.scope" "$ROOT/user-61000/docker-$OTHER.scope"
check "root's comes before a user's" attach --json "$ID"
[ "$(jq -r .cgroup /run/out)" = "$CGROUP" ] || fail "another cgroup: $(cat /run/out)"
check "detach" "$BPFD" detach "$ID"
THEIRS=$(new_id)
run_in "/user-61000/docker-$THEIRS.scope" "$THEIRS"
check "a user's is found when root has none" attach "$THEIRS"
check "it is the user's" sh -c "bpftool map dump pinned $TEROK_PINS/v1/maps/terok_info | tr -d ' \n' | grep -q '\"uid\":61000'"
check "detach" "$BPFD" detach "$THEIRS"

# what a container makes in its own cgroup is nobody else's
FALSE=$(new_id)
mkdir "$ROOT$CGROUP/docker-$FALSE.scope"
refuse "a container's word on another" attach "$FALSE"
said "no running container"
rmdir "$ROOT$CGROUP/docker-$FALSE.scope"

# monitors, dead ones, none
mkdir -p "$ROOT/system.slice/crio-conmon-$FALSE.scope"
refuse "a monitor's cgroup" attach "$FALSE"
said "no running container"
mkdir -p "$ROOT/system.slice/docker-$FALSE.scope"
refuse "one in which nothing lives" attach "$FALSE"
said "does not run"
refuse "one that docker has forgotten" attach nobody-knows
said "no running container 'nobody-knows'"
runc delete --force "$ID"
refuse "one that docker knows and that does not run" attach web
check "unload" "$BPFD" unload
