# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# serve.bash - a proxy for a shell test: a store, routes, an upstream of its own, ports that are free
#
# Sourced. What a test starts besides, and does not end, is in others. begin, then serve [OPTIONS], is NAME COMMAND... for each case, and finish.
for need in curl python3 openssl jq ss; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
proxy=$B/terok-proxy here=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
[ -x "$proxy" ] || { echo "$proxy is not there (make)"; exit 1; }
dir= server= upstream= bad=0 others=()

begin() {
	dir=$(mktemp -d)
	trap 'cleanup' EXIT
	chmod 0700 "$dir"
	export HOME=$dir LC_ALL=C TEROK_CREDENTIALS_DIR=$dir/c TEROK_SANDBOX_RUNTIME_DIR=$dir/r XDG_RUNTIME_DIR=$dir/x TEROK_RUN=$dir/run
	unset NOTIFY_SOCKET http_proxy https_proxy HTTPS_PROXY CREDENTIALS_DIRECTORY
	mkdir -m 0700 "$dir/c" "$dir/r" "$dir/x" "$dir/run" "$dir/up"
	routes=$dir/c/routes.json db=$dir/c/credentials.db audit=$dir/c/credential_audit.jsonl
	port=$((20000 + RANDOM % 12000))
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/up/ca.key" -out "$dir/up/ca.pem" -days 2 \
		-subj "/CN=a test's own CA" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/up/key.pem" -out "$dir/up/csr.pem" -subj /CN=localhost 2>/dev/null
	openssl x509 -req -in "$dir/up/csr.pem" -CA "$dir/up/ca.pem" -CAkey "$dir/up/ca.key" -CAcreateserial -days 2 -out "$dir/up/cert.pem" \
		-extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
	mkfifo "$dir/up/go"
	python3 "$here/upstream.py" "$dir/up" 2>"$dir/up/err" &
	upstream=$!
	until_there "$dir/up/ports" && read -r plain tls <"$dir/up/ports"
}
until_there() { # FILE: at most 10 s
	local i
	for ((i = 0; i < 1000 && ! $([ -e "$1" ] && echo 1 || echo 0); i++)); do sleep 0.01; done
	[ -e "$1" ]
}
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$upstream" ] || kill "$upstream" 2>/dev/null
	[ ${#others[@]} = 0 ] || kill -- "${others[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}

# serve [OPTIONS]: it answers; at a port that nobody has
serve() {
	local i try
	[ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null; }
	for ((try = 0; try < 20; try++)); do
		"$proxy" serve --port "$port" --ssh-agent-port 0 --ssh-keys-file "$dir/c/ssh-keys.json" --no-containers --ca-file "$dir/up/ca.pem" "$@" 2>>"$dir/log" &
		server=$!
		for ((i = 0; i < 500; i++)); do
			kill -0 "$server" 2>/dev/null || break
			curl -s -o /dev/null "http://127.0.0.1:$port/-/health" && kill -0 "$server" 2>/dev/null && return
			sleep 0.02
		done
		grep -q 'Address already in use' "$dir/log" || break
		port=$((20000 + RANDOM % 12000))
	done
	echo "not ok it serves"
	sed 's/^/    /' "$dir/log"
	exit 1
}

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
credential() { # PROVIDER JSON
	printf '%s' "$2" | "$proxy" credential set "$1"
}
token() { # PROVIDER [OPTIONS]
	local provider=$1
	shift
	"$proxy" token create proj task "$provider" "$@"
}
# code WANT TOKEN TARGET CURL-ARGS...: the status; what came is in $dir/body, $dir/head
code() {
	local want=$1 token=$2 target=$3 got
	shift 3
	got=$(curl -s -g -m 20 --path-as-is -o "$dir/body" -D "$dir/head" -w '%{http_code}' ${token:+-H "Authorization: Bearer $token"} \
		"$@" "http://127.0.0.1:$port$target")
	[ "$got" = "$want" ] || { echo "$target: $got, not $want"; cat "$dir/head" "$dir/body"; return 1; }
}
body() { [ "$(cat "$dir/body")" = "$1" ] || { echo "not '$1':"; cat "$dir/body"; return 1; }; }
has() { grep -qi -- "$1" "$dir/head" || { echo "no $1 in:"; cat "$dir/head"; return 1; }; }
hasnt() { ! grep -qi -- "$1" "$dir/head" || { echo "$1 in:"; cat "$dir/head"; return 1; }; }
saw() { grep -qai -- "$1" "$dir/body" || { echo "the upstream saw no $1:"; cat "$dir/body"; return 1; }; }
didnt() { ! grep -qai -- "$1" "$dir/body" || { echo "the upstream saw $1:"; cat "$dir/body"; return 1; }; }
raw() { printf "$1" | python3 "$here/client.py" "${2:-raw}" "$port"; }
finish() {
	exit $bad
}
