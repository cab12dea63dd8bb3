#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_env.sh - what terok-proxy env tells a container: variables of each provider, tokens made or used again
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
command -v jq >/dev/null || { echo "SKIP: jq is not installed (tools/deps --install test)"; exit 77; }
proxy=$B/terok-proxy
[ -x "$proxy" ] || { echo "$proxy is not there (make)"; exit 1; }
dir=$(mktemp -d) bad=0
trap 'rm -rf "$dir"' EXIT
export HOME=$dir/home TEROK_CREDENTIALS_DIR=$dir/credentials TEROK_SANDBOX_STATE_DIR=$dir/state TEROK_SANDBOX_RUNTIME_DIR=$dir/run LC_ALL=C
unset CREDENTIALS_DIRECTORY
mkdir "$HOME" && mkdir -m 0700 "$dir/credentials"
p() { timeout 60 "$proxy" "$@"; }

is() {
	local name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/    /' "$dir/said"
		bad=1
	fi
}
# fails TEXT COMMAND...: with one line that has it
fails() {
	local text=$1
	shift
	if "$@" >"$dir/out" 2>"$dir/err"; then echo "done, not refused: $*"; return 1; fi
	[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -qF -- "$text" "$dir/err" && ! [ -s "$dir/out" ] || { cat "$dir/err" "$dir/out"; return 1; }
}
has() { jq -e "$1" "$dir/json" || { cat "$dir/json"; return 1; }; }
env_of() { p env "$@" --json >"$dir/json"; }
tokens() { p token list --json | jq length; }
is_token='test("^terok-p-[0-9a-f]{32}$")'

none() { env_of proj task && has '. == {"TEROK_PROXY_PORT": "18731"}' && [ "$(tokens)" = 0 ]; }
is "without credentials and routes there is a port and no token" none

keep() { printf '%s' "$2" | p credential set "$1" "${@:3}"; }
keep claude '{"type": "oauth", "access_token": "real-claude"}' && keep codex real-codex --type api_key && keep gh real-gh --type pat &&
	keep glab real-glab --type pat && keep my-api real-mine --type api_key && keep lonely real-lonely --type api_key && keep gh real-other --type pat --set other || exit 1
jq -n '{claude: 0, codex: 0, gh: 0, glab: 0, "my-api": 0} | map_values({upstream: "https://api.example.com"})' >"$dir/credentials/routes.json"
chmod 0600 "$dir/credentials/routes.json"

each() {
	env_of proj task 2>"$dir/err" && has ".CLAUDE_CODE_OAUTH_TOKEN | $is_token" && has '.ANTHROPIC_API_KEY == null' &&
		has '.ANTHROPIC_BASE_URL == "http://host.containers.internal:18731"' &&
		has ".OPENAI_API_KEY | $is_token" && has '.OPENAI_BASE_URL == "http://host.containers.internal:18731/v1"' && has ".GH_TOKEN | $is_token" &&
		has ".GITLAB_TOKEN | $is_token" && has '.GITLAB_API_HOST == "host.containers.internal:18731" and .API_PROTOCOL == "http"' &&
		has ".MY_API_API_KEY | $is_token" && has '.MY_API_BASE_URL == "http://host.containers.internal:18731"' && has '.TEROK_PROXY_PORT == "18731"' &&
		has '.TEROK_SSH_AGENT_TOKEN == null'
}
is "each provider has its variables, as its programs read them" each
alone() { grep -q "lonely has a credential and no route" "$dir/err" && has 'keys | map(select(test("LONELY"))) == []'; }
is "one without a route is left out, and told" alone
own() { [ "$(jq -r '.[] | select(test("^terok-p-"))' "$dir/json" | sort -u | wc -l)" = 5 ] && [ "$(tokens)" = 5 ]; }
is "each with a token of its own" own
of_task() { p token list proj --json | jq -e 'length == 5 and all(.task == "task" and .set == "default" and .expires == null and .container == null)'; }
is "which is of the task" of_task
no_secret() { ! grep -r "real-" "$dir/json" "$dir/err"; }
is "no secret is told" no_secret

again() { cp "$dir/json" "$dir/before" && env_of proj task 2>/dev/null && cmp "$dir/json" "$dir/before" && [ "$(tokens)" = 5 ]; }
is "asked again, the same tokens are told" again
other_task() { env_of proj task2 2>/dev/null && [ "$(tokens)" = 10 ] && [ "$(jq -r .GH_TOKEN "$dir/json")" != "$(jq -r .GH_TOKEN "$dir/before")" ]; }
is "another task has others" other_task
bound() {
	env_of proj task --container box 2>/dev/null && [ "$(tokens)" = 15 ] && [ "$(jq -r .GH_TOKEN "$dir/json")" != "$(jq -r .GH_TOKEN "$dir/before")" ] &&
		p token list --json | jq -e 'map(select(.container == "box")) | length == 5'
}
is "so has a container that they are bound to" bound
limited() { # one that is less is not told in its place
	local made
	p token revoke proj task >/dev/null && made=$(p token create proj task gh --path '/repos/**') && env_of proj task 2>/dev/null && [ "$(jq -r .GH_TOKEN "$dir/json")" != "$made" ]
}
is "a token with terms is not used in place of one without" limited
revoked() { local was; was=$(jq -r .GH_TOKEN "$dir/json"); p token revoke "$was" && env_of proj task 2>/dev/null && has ".GH_TOKEN != \"$was\" and (.GH_TOKEN | $is_token)"; }
is "one that was revoked is not told any more" revoked
by_set() { env_of proj task --set other && has 'keys == ["GH_TOKEN", "TEROK_PROXY_PORT"]' && p token list --json | jq -e 'map(select(.set == "other")) | length == 1'; }
is "another set has its own" by_set

ssh() {
	echo '{"proj": [{"private_key": "/k", "public_key": "/k.pub"}], "bare": []}' >"$dir/credentials/ssh-keys.json"
	chmod 0600 "$dir/credentials/ssh-keys.json"
	env_of proj task --ssh-agent-port 7002 2>/dev/null && has ".TEROK_SSH_AGENT_TOKEN | $is_token" && has '.TEROK_SSH_AGENT_PORT == "7002"' &&
		p token list proj --json | jq -e 'map(select(.provider == "ssh" and .task == "task")) | length == 1' && env_of bare task 2>/dev/null && has '.TEROK_SSH_AGENT_TOKEN == null'
}
is "a project with keys has a token for SSH, and only that" ssh
elsewhere() { env_of proj task --host 127.0.0.1 --port 7001 2>/dev/null && has '.ANTHROPIC_BASE_URL == "http://127.0.0.1:7001" and .TEROK_PROXY_PORT == "7001"'; }
is "another host and port are told" elsewhere

lines() { p env proj task 2>/dev/null >"$dir/lines" && [ "$(jq -Rn '[inputs | capture("^(?<key>[A-Z_]+)=(?<value>.*)$")] | from_entries' "$dir/lines" | jq -S .)" = "$(env_of proj task 2>/dev/null; jq -S . "$dir/json")" ]; }
is "without --json they are lines, NAME=VALUE" lines
file() { umask 022; p env proj task --env-file "$dir/env" >"$dir/out" 2>/dev/null && [ "$(stat -c %a "$dir/env")" = 600 ] && cmp "$dir/env" "$dir/lines" && ! [ -s "$dir/out" ]; }
is "a file of them is its owner's alone" file
bad_routes() { echo '{' >"$dir/bad.json" && chmod 0600 "$dir/bad.json" && fails "holds no JSON object" p env proj task --routes-file "$dir/bad.json"; }
is "routes that are none are an error" bad_routes
wrong() {
	fails "not both" p env proj task --json --env-file x && fails "of the host" p env proj task --host 'a b' && fails "of the host" p env proj task --host $'a\nLD_PRELOAD=x' &&
		fails "of the name" p env ../x task && fails "of the name" p env proj 'a/b'
}
is "what is no name and no host is refused" wrong
locked() { # without a provider whose kind has to be known, a locked store is enough
	p credential delete lonely >"$dir/out" && mv "$dir/credentials-key/store.key" "$dir/key" && fails "locked" p env proj task && jq 'del(.claude)' "$dir/credentials/routes.json" >"$dir/less.json" && chmod 0600 "$dir/less.json" &&
		p env proj task --routes-file "$dir/less.json" --json 2>/dev/null >"$dir/json" && has ".OPENAI_API_KEY | $is_token" && mv "$dir/key" "$dir/credentials-key/store.key"
}
is "a locked store says so where its secrets are needed, and only there" locked
exit $bad
