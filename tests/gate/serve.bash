# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# serve.bash - a gate's server for a shell test: a folder, mirrors, tokens, a port of its own
#
# Sourced. begin, project, token_of, serve, then is NAME COMMAND... for each case, and finish.
for need in git curl nc jq; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test gate)"; exit 77; }
done
gate=$B/terok-gate
[ -x "$gate" ] || { echo "$gate is not there (make)"; exit 1; }
dir= server= bad=0 admin=terok-admin-of-a-test-0123456789

begin() {
	dir=$(mktemp -d)
	trap 'cleanup' EXIT
	export HOME=$dir/home XDG_CONFIG_HOME=$dir/home/.config LC_ALL=C GIT_TERMINAL_PROMPT=0 TEROK_SANDBOX_STATE_DIR=$dir/state
	unset GIT_DIR GIT_EXEC_PATH NOTIFY_SOCKET XDG_STATE_HOME
	mkdir -p "$HOME" && mkdir -m 0700 "$dir/base"
	git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main
	git config --global gc.auto 0
	base=$dir/base tokens=$dir/base/tokens.json
	connection=
	port=$((20000 + RANDOM % 12000))
}
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$dir"
}
g() { timeout 60 git "$@"; }

# is NAME COMMAND...: one case, told as tests/run counts it
is() {
	local name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/    /' "$dir/said"
		tail -n 5 "$dir/log" | sed 's/^/    log: /'
		bad=1
	fi
}

# project NAME: a mirror with some commits
project() {
	mirror=$base/$1.git
	git init -q "$dir/src-$1"
	for i in 1 2 3; do
		head -c 3000 /dev/urandom >"$dir/src-$1/file$i"
		commit "$dir/src-$1" "commit $i"
	done
	git clone -q --bare "$dir/src-$1" "$mirror"
}
commit() { # FOLDER MESSAGE
	date +%N >"$1/changed" && git -C "$1" add -A && git -C "$1" commit -q -m "$2"
}
same_as_mirror() { [ "$(git -C "$1" rev-parse HEAD)" = "$(git -C "$mirror" rev-parse main)" ] || { echo "$1 is not what the mirror is"; return 1; }; }

token_of() { # PROJECT TASK [OPTIONS]
	"$gate" token create "$@" --token-file "$tokens" | head -n 1
}

# serve [OPTIONS]: it serves when it says so, on a port that nobody has
serve() {
	local try
	for try in $(seq 20); do
		: >"$dir/log"
		TEROK_GATE_ADMIN_TOKEN=$admin "$gate" serve --base-path "$base" --token-file "$tokens" --port "$port" "$@" \
			>/dev/null 2>"$dir/log" </dev/null &
		server=$!
		until grep -q 'serves ' "$dir/log"; do
			kill -0 $server 2>/dev/null || break
			read -rt 0.02 <> <(:) || :
		done
		grep -q 'serves ' "$dir/log" && return
		grep -q 'Address already in use' "$dir/log" || break
		port=$((20000 + RANDOM % 12000)) at=http://127.0.0.1:$port
	done
	cat "$dir/log"
	echo "the server does not begin"
	exit 1
}

# reconnect: a connection at descriptor $connection
reconnect() {
	[ -z "$connection" ] || exec {connection}>&-
	exec {connection}<>/dev/tcp/127.0.0.1/$port
}
# split_send: standard input in pieces that end with an empty line, a connection each
split_send() {
	local text
	while IFS= read -r text; do
		reconnect
		printf '%s\r\n\r\n' "$text" >&"$connection"
	done 2>/dev/null
	reconnect
}
finish() { exit $bad; }
