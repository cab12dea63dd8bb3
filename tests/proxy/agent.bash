# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# agent.bash - an SSH agent for a shell test: a folder, keys, tokens, bridges as containers have them
#
# Sourced. $dir goes when the suite does; what was begun ends then.
set -u
B=$(readlink -f "${B:-$(dirname "${BASH_SOURCE[0]}")/../../build}")
here=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
proxy=$B/terok-proxy
bad=0 begun=() agent_pid=

skip() { echo "SKIP: $1"; exit 77; }
for program in "$proxy" "$B/terok-signer"; do
	[ -x "$program" ] || { echo "$program is not there (make)"; exit 1; }
done
for need in ssh ssh-keygen ssh-add python3 git; do
	command -v $need >/dev/null || skip "$need is not installed (tools/deps --install gate test)"
done

dir=$(mktemp -d)
trap 'cleanup' EXIT
mkdir -m 0700 "$dir/home" "$dir/cred" "$dir/keys" "$dir/public" "$dir/run"
export HOME=$dir/home LC_ALL=C TZ=UTC TEROK_CREDENTIALS_DIR=$dir/cred TEROK_SANDBOX_STATE_DIR=$dir/state \
	TEROK_SANDBOX_RUNTIME_DIR=$dir/run XDG_RUNTIME_DIR=$dir/run GIT_TERMINAL_PROMPT=0
unset SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS DISPLAY GIT_SSH_COMMAND CREDENTIALS_DIRECTORY XDG_CONFIG_HOME
port=$((20000 + (RANDOM + $$) % 12000))
json=$dir/cred/ssh-keys.json audit=$dir/cred/ssh_audit.jsonl

cleanup() {
	[ ${#begun[@]} -eq 0 ] || kill "${begun[@]}" 2>/dev/null
	[ -z "$agent_pid" ] || kill "$agent_pid" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; shift; [ $# -eq 0 ] || printf '   %s\n' "$@"; [ ! -s "$dir/log" ] || tail -n 3 "$dir/log" | sed 's/^/   log: /'; bad=1; }
# is NAME GOT WANT; has NAME TEXT PATTERN
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
has() {
	# shellcheck disable=SC2053
	if [[ $2 == $3 ]]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi
}
p() { timeout 60 "$proxy" "$@"; }

# key NAME TYPE COMMENT [OPTIONS]: a key file, whose public half is also where no private one is
key() {
	local name=$1 type=$2 comment=$3
	shift 3
	ssh-keygen -q -t "$type" -N '' -C "$comment" -f "$dir/keys/$name" "$@" </dev/null && cp "$dir/keys/$name.pub" "$dir/public/"
}
print() { ssh-keygen -lf "$dir/public/$1.pub" | cut -d' ' -f2; } # print NAME: its fingerprint

# token PROJECT TASK [PROVIDER]: as an older client writes it into the store
token() {
	local text
	text=terok-p-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	python3 - "$dir/cred/credentials.db" "$text" "$1" "$2" "${3:-ssh}" <<-END
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1], timeout=10)
		db.execute("INSERT INTO proxy_tokens VALUES (?, ?, ?, 'default', ?)", sys.argv[2:])
		db.commit()
	END
	echo "$text"
}
# agent [OPTIONS]: it serves when it says so, on a port that nobody has
agent() {
	local try
	for try in $(seq 20); do
		: >"$dir/log"
		"$proxy" ssh agent --port "$port" "$@" >/dev/null 2>"$dir/log" </dev/null &
		agent_pid=$!
		until grep -q 'serves ' "$dir/log"; do
			kill -0 $agent_pid 2>/dev/null || break
			read -rt 0.02 <> <(:) || :
		done
		grep -q 'serves ' "$dir/log" && return
		grep -q 'Address already in use' "$dir/log" || break
		port=$((20000 + RANDOM % 12000))
	done
	cat "$dir/log"
	exit 1
}
agent_end() { kill "$agent_pid"; wait "$agent_pid" 2>/dev/null; agent_pid=; }

# bridge NAME TOKEN: $dir/NAME is what SSH_AUTH_SOCK is in a container
bridge() {
	python3 "$here/agent_bridge.py" "$dir/$1" "$port" "$2" >"$dir/ready-$1" 2>/dev/null &
	begun+=($!)
	until [ -s "$dir/ready-$1" ]; do read -rt 0.02 <> <(:) || :; done
}
with() { local name=$1; shift; SSH_AUTH_SOCK=$dir/$name timeout 60 "$@"; } # with BRIDGE COMMAND...
listed() { with "$1" ssh-add -L 2>/dev/null | cut -d' ' -f3- | paste -sd' '; } # comments, in order

# signs BRIDGE KEY [NAMESPACE]: a text, verified
signs() {
	rm -f "$dir/text.sig"
	echo text >"$dir/text"
	with "$1" ssh-keygen -Y sign -n "${3:-git}" -f "$dir/public/$2.pub" "$dir/text" >/dev/null 2>"$dir/said" &&
		ssh-keygen -Y check-novalidate -n "${3:-git}" -s "$dir/text.sig" <"$dir/text" >"$dir/said" 2>&1
}
yes_no() { if "$@"; then echo yes; else echo no; fi; }
last() { tail -n 1 "$audit" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(*(d.get(k) for k in sys.argv[1:]))' "$@"; }
finish() { exit $bad; }
