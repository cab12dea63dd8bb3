#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_sandbox.sh - terok-sandbox with real podman: run, its hooks, logs, wait, state, list, stop; root's
# containers guarded or not started, a user's as well; no secret where others can read it
. "$(dirname "$0")/lib.sh"
SANDBOX=$B/terok-sandbox
[ -x "$SANDBOX" ] || fail "$SANDBOX is not there (make)"
LAB_TIMEOUT=140 # other suites may run beside it
enter_lab

make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
export TEROK_SANDBOX_STATE_DIR=/run/sandbox-state
IMAGE=localhost/bb:latest
sandbox() { "$SANDBOX" "$@"; }
bare() { sandbox run "$@"; } # with --no-shield among them

# exits CODE TEXT CMD...: CMD ends with this code
exits() {
	local code=$1 text=$2 rc=0
	shift 2
	"$@" >/run/out 2>&1 || rc=$?
	[ $rc = "$code" ] || fail "$text: '$*' ended with $rc, not $code: $(cat /run/out)"
	echo "ok $text"
}
state_is() { [ "$(sandbox state "$1")" = "$2" ]; }
show() { sandbox logs "$1" 2>&1; }

# --- nothing without a guard --------------------------------------------------------------

exits 1 "without a hook nothing is started" sandbox run box -- $IMAGE id
said "no guard can be had, so nothing is started: no hook of terok-bpfd"
said "terok-bpfd setup"
check "and nothing is there" state_is box absent
exits 0 "a dry run shows it all the same" sandbox run box --dry-run -- $IMAGE id
said "this would not be started"
said '^\$ podman run -d .*--annotation terok.guard= .*--name box -w /workspace localhost/bb:latest id$'

# --- what is started, and how it ends -----------------------------------------------------

mkdir -p /run/work
WORK="-v /run/work:/workspace"
exits 0 "the bypass starts it, and says so" bare plain --no-shield $WORK -- $IMAGE sleep 1000
said "NO GUARD: container plain reaches everything"
said '^\$ podman run -d \(--init \)\?-v /run/work:/workspace --name plain'
grep -qE '^[0-9a-f]{64}$' /run/out || fail "it does not print the id: $(cat /run/out)"
check "it runs" state_is plain running
exits 1 "a name that is taken" bare plain --no-shield -- $IMAGE id
said "there is a container 'plain' already (running)"
exits 0 "list has it" sandbox list --json
jq -e '.[] | select(.name == "plain" and .state == "running" and .sandbox)' /run/out >/dev/null || fail "$(cat /run/out)"
exits 0 "list by a prefix" sandbox list other --json
[ "$(cat /run/out)" = "[]" ] || fail "$(cat /run/out)"
[ "$(stat -c %a%u /run/sandbox-state/runs/plain/meta.json)" = 6000 ] || fail "$(ls -l /run/sandbox-state/runs/plain)"
echo "ok what is kept of a run is its user's alone"
ID=$(sandbox state plain --json | jq -r .id)
for text in "$ID" "${ID:0:12}"; do
	check "its id is as good as its name: ${#text} digits" state_is "$text" running
	exits 124 "also to wait" sandbox wait "$text" --timeout 1
done
exits 124 "wait has a time-out" sandbox wait plain --timeout 1
exits 0 "stop removes it" sandbox stop plain --grace 0
check "it is absent" state_is plain absent
exits 0 "stop of what is not there" sandbox stop plain --json
[ "$(cat /run/out)" = '[{"name":"plain","removed":true,"error":null}]' ] || fail "$(cat /run/out)"
exits 0 "one that ends with 7" sh -c "$SANDBOX run seven --no-shield $WORK --quiet -- $IMAGE sh -c 'exit 7' 2>/dev/null"
grep -qzxE '[0-9a-f]{64}.' /run/out || fail "--quiet prints the id alone: $(cat /run/out)"
exits 7 "wait exits as it did" sandbox wait seven
[ "$(cat /run/out)" = 7 ] || fail "$(cat /run/out)"
exits 1 "wait for nobody" sandbox wait nobody
said "no container 'nobody'"
sandbox stop seven >/dev/null
exits 1 "an image that is none" bare none --no-shield -- localhost/nowhere:latest id
said "Container launch failed:"
check "leaves nothing" state_is none absent
exits 1 "a command that is none" bare none --no-shield $WORK -- --init=false $IMAGE /nowhere
check "leaves nothing either" state_is none absent

# a grace that the container uses is not cut short: it ends by itself, with its own code
exits 0 "one that takes two seconds to end" bare slow --no-shield $WORK --hook 'post_stop=echo gone >/run/gone' -- \
	$IMAGE sh -c 'trap "sleep 2; echo bye >/workspace/bye; exit 5" TERM; echo up; while :; do sleep 0.1; done'
exits 0 "its log says that it is up" sandbox logs slow --marker up --timeout 20
exits 0 "stop waits for it" sandbox stop slow
[ "$(cat /run/work/bye)" = bye ] || fail "it was killed before its time"
[ "$(cat /run/gone)" = gone ] || fail "post_stop was not run"

# --- hooks and the marker -----------------------------------------------------------------

H='echo $TEROK_HOOK $TEROK_CONTAINER ${TEROK_CONTAINER_ID:+id} >>/run/hooks-ran'
exits 0 "a container that gets ready" bare ready --no-shield $WORK --ready --hook "pre_start=$H" --hook "post_start=$H" \
	--hook "post_ready=$H" --hook "post_stop=$H" -- $IMAGE sh -c 'printf ">> init "; sleep 1; echo complete; sleep 1000'
said '>> init complete'
exits 0 "is stopped, by its id" sandbox stop "$(sandbox state ready --json | jq -r .id)" --grace 0
diff - /run/hooks-ran <<-'END' || fail "hooks, in their order"
	pre_start ready
	post_start ready id
	post_ready ready id
	post_stop ready id
END
echo "ok hooks, in their order"
exits 1 "a pre_start that fails" bare never --no-shield --hook 'pre_start=exit 3' -- $IMAGE id
said "hook pre_start ended with 3; nothing is started"
check "and nothing is" state_is never absent
exits 1 "a hook that hangs" bare never --no-shield --hook-timeout 1 --hook 'pre_start=sleep 100' -- $IMAGE id
said "hook pre_start did not end in 1 s"
exits 1 "post_start is not run after a failure" bare never --no-shield --hook 'post_start=touch /run/post-start' -- --init=false $IMAGE /nowhere
[ ! -e /run/post-start ] || fail "post_start was run"
exits 1 "a post_start that fails" bare half --no-shield $WORK --hook 'post_start=exit 4' -- $IMAGE sleep 1000
said "hook post_start ended with 4; container half runs on"
exits 124 "one that is not ready in time" sandbox logs half --until-ready --timeout 1
sandbox stop half --grace 0 >/dev/null
exits 1 "one that ends before it is ready" bare early --no-shield $WORK --ready -- $IMAGE sh -c 'echo hello'
said "^hello$"
said "early ended before it said '>> init complete'"
exits 0 "a log, standard error as well" show early
sandbox stop early >/dev/null
printf '{"container_name":"spec","image":"%s","volumes":["/run/work:/workspace"],"bypass_firewall_no_protection":true,
	"command":["sh","-c","echo $GREETING; exit 3"],"env":{"GREETING":"hello spec"},"hooks":{"pre_start":["touch","/run/spec ran"]}}' \
	$IMAGE >/run/spec.json
exits 0 "a spec from a file" bare --spec /run/spec.json
[ -e "/run/spec ran" ] || fail "a hook as a list is run without a shell"
exits 3 "runs its command" sandbox wait spec
exits 0 "with its environment" show spec
said "^hello spec$"
sandbox stop spec >/dev/null
exits 0 "a spec from standard input" sh -c "$SANDBOX run --spec - --ephemeral </run/spec.json"
while ! state_is spec absent; do sleep 0.05; done # podman removes it in its own time

# --- secrets ------------------------------------------------------------------------------

# a podman that is podman, and keeps its own command line as others can read it
mkdir -p /run/spy
cat >/run/spy/podman <<-'END'
	#!/bin/bash
	# stands before the real one only to see what /proc shows of it
	tr '\0' '\n' </proc/$$/cmdline >>/run/spied
	exec "$REAL_PODMAN" "$@"
END
chmod 755 /run/spy/podman
REAL_PODMAN=$(command -v podman)
export REAL_PODMAN
KEY=$(printf 'line one\nline "two"\t%s' "hunter22hunter22")
export OURS_TOKEN=ours-hunter33
spied() { env PATH="/run/spy:$PATH" KEY="$KEY" "$SANDBOX" "$@"; }
exits 0 "secrets, by each of the ways" spied run secret --no-shield $WORK -e PLAIN=see-me -e API_TOKEN=hunter44 \
	--env OURS_TOKEN --env "KEY=$KEY" --env 'PATH=/bin:/secret' -- -eFOO_SECRET=hunter55 --env=BAR_PASSWORD=hunter66 \
	-ite BAZ_PRIVATE=hunter77 $IMAGE sh -c 'env >/workspace/env; echo "$KEY" >/workspace/key'
said "API_TOKEN=<redacted>"
said "PLAIN=see-me"
! grep -q hunter /run/out || fail "a secret is shown: $(grep hunter /run/out)"
exits 0 "it ended well" sandbox wait secret
for pair in PLAIN=see-me API_TOKEN=hunter44 OURS_TOKEN=ours-hunter33 FOO_SECRET=hunter55 BAR_PASSWORD=hunter66 \
	BAZ_PRIVATE=hunter77 PATH=/bin:/secret; do
	grep -qx "$pair" /run/work/env || fail "$pair did not come to the container: $(cat /run/work/env)"
done
[ "$(cat /run/work/key)" = "$KEY" ] || fail "a value of several lines came as: $(cat /run/work/key)"
echo "ok each value came to the container whole"
[ -s /run/spied ] && ! grep -q 'hunter\|see-me' /run/spied || fail "on podman's command line: $(grep 'hunter\|see-me' /run/spied)"
echo "ok none was on podman's command line"
! grep -rq 'hunter' $TEROK_SANDBOX_STATE_DIR || fail "a secret is kept in a file"
echo "ok none is in a file"
sandbox stop secret >/dev/null
# our own line, which everybody can read as well, while a hook holds the launch
mkfifo /run/hold
"$SANDBOX" run own --no-shield $WORK -e API_TOKEN=hunter88 --hook 'pre_start=read x </run/hold' -- -e B_KEY=hunter99 $IMAGE id >/run/own 2>&1 &
own=$!
exec 9>/run/hold # opens when the hook reads
tr '\0' ' ' </proc/$own/cmdline >/run/own-line
echo go >&9
exec 9>&-
wait $own || fail "$(cat /run/own)"
grep -q API_TOKEN /run/own-line || fail "not its line: $(cat /run/own-line)"
! grep -q hunter /run/own-line || fail "on our own command line: $(cat /run/own-line)"
echo "ok nor on our own"
sandbox stop own >/dev/null

# --- GPU, and podman that is not there ----------------------------------------------------

exits 1 "no GPU by CDI" bare gpu --no-shield $WORK --gpus nvidia -- $IMAGE id
said "Container launch failed:"
said "GPU: podman finds no such GPU by CDI.*nvidia-ctk cdi generate"
exits 1 "an image without the folder where its command begins" bare none --no-shield -- $IMAGE id
said "the image has no /workspace: mount a folder there"
mkdir -p /run/empty
for p in sh env; do ln -sf "$(command -v $p)" /run/empty/$p; done
without() { env PATH=/run/empty "$SANDBOX" "$@"; }
for verb in "list" "state x" "wait x" "stop x" "logs x" "run x --no-shield -- $IMAGE"; do
	# shellcheck disable=SC2086 # words
	exits 1 "without podman: $verb" without $verb
	said "podman not found"
done
exits 2 "without podman the doctor says so" without doctor
said "Podman .... ERROR (podman not found"
# a podman that cannot answer: the real one has no such mood
mkdir -p /run/broken
printf '#!/bin/sh\necho "Error: database is locked" >&2\nexit 125\n' >/run/broken/podman
chmod 755 /run/broken/podman
broken() { env PATH="/run/broken:$PATH" "$SANDBOX" "$@"; }
for verb in "list" "list --json" "state x" "wait x" "stop x"; do
	# shellcheck disable=SC2086 # words
	exits 1 "podman unreachable is not none: $verb" broken $verb
	said "database is locked"
done
[ -z "$(broken list --json 2>/dev/null)" ] || fail "a list although podman said none"

# --- what is not passed on ----------------------------------------------------------------

for flags in "--name x" "--name=x" "--network host" "--net=host" "--hooks-dir=/x" "--annotation a=b" "--cap-add ALL" \
	"--cap-drop=ALL" "--userns host" "-p 80:80" "-p80:80" "-itp 80:80" "-P" "--privileged" "--privileged=true" \
	"--security-opt label=disable" "--pod x" "--pod=x" "--cgroups=disabled" "--cgroup-parent /x" "-v /x:/run/terok" \
	"-v/x:/run/terok/y" "--volume=/x:/run//terok/./y" "--mount type=tmpfs,dst=/run/terok" \
	"--mount=type=bind,source=/x,target=/usr/local/share/terok-sandbox/bridges/x" "--tmpfs /run/terok:size=1m" \
	"--preserve-fds=1" "--detach=false" "-a stdout"; do
	# shellcheck disable=SC2086 # words
	exits 2 "not passed on: $flags" sandbox run x --no-shield -- $flags $IMAGE id
done
exits 0 "what is not ours passes" sandbox run x --no-shield --dry-run -- -it --dns 192.0.2.1 --tmpfs /scratch -v /x:/run/terokx \
	--ulimit=nofile=64 --read-only $IMAGE --name --privileged
said "-it --dns 192.0.2.1 --tmpfs /scratch -v /x:/run/terokx '*--ulimit=nofile=64'* --read-only --name x -w /workspace $IMAGE --name --privileged"

podman rm -f -t 0 -a >/dev/null 2>&1
