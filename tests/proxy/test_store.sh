#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_store.sh - terok-proxy credential, token, store: a client of before beside it, disks that are full,
# passphrases at a terminal, and no byte of a secret where it should not be
#
# "statement N" is of the contract's list. What older clients do is done here by python's sqlite3.
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
proxy=$B/terok-proxy bad=0
for need in python3 jq; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install test)"; exit 77; }
done
python3 -c 'import sqlite3' || { echo "SKIP: python3 has no sqlite3"; exit 77; }
[ -x "$proxy" ] || { echo "$proxy is not there (make)"; exit 1; }
dir=$(mktemp -d)
trap 'ended' EXIT
ended() {
	local store
	for store in "$dir"/*/credentials.db; do # a key that a case left in the kernel's keyring
		[ ! -f "$store" ] || "$proxy" store lock --db-path "$store" >/dev/null 2>&1
	done
	umount "$dir/small" 2>/dev/null
	rm -rf "$dir"
}
export LC_ALL=C HOME=$dir/home
unset CREDENTIALS_DIRECTORY

# is NAME COMMAND...: one case, in a store of its own
n=0
is() {
	local name=$1
	shift
	n=$((n + 1))
	export TEROK_CREDENTIALS_DIR=$dir/$n
	db=$dir/$n/credentials.db
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		sed 's/^/    /' "$dir/said"
		bad=1
	fi
}
p() { timeout 60 "$proxy" "$@"; }
# fails WANT TEXT COMMAND...: exit code, and one line with that text
fails() {
	local want=$1 text=$2 rc
	shift 2
	"$@" >"$dir/out" 2>"$dir/err"
	rc=$?
	[ $rc -eq "$want" ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -qF -- "$text" "$dir/err" && return
	echo "$*: exit $rc, not $want with '$text':"
	cat "$dir/err"
	return 1
}
nowhere() { # nowhere BYTES: in no file of the store
	! grep -raqF -- "$1" "$dir/$n" || { echo "'$1' is in $(grep -ralF -- "$1" "$dir/$n")"; return 1; }
}

# A client of before, as the contract has it: python DB CODE, with db open and its words at hand.
cat >"$dir/before.py" <<'PY'
import json, secrets, sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=20)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA foreign_keys=ON")
db.executescript("""
CREATE TABLE IF NOT EXISTS credentials (credential_set TEXT NOT NULL, provider TEXT NOT NULL,
  data TEXT NOT NULL, PRIMARY KEY (credential_set, provider));
CREATE TABLE IF NOT EXISTS proxy_tokens (token TEXT PRIMARY KEY, project TEXT NOT NULL, task TEXT NOT NULL,
  credential_set TEXT NOT NULL, provider TEXT NOT NULL);""")
def store(set, provider, data):
    db.execute("INSERT OR REPLACE INTO credentials VALUES (?, ?, ?)", (set, provider, json.dumps(data)))
    db.commit()
def load(set, provider):
    row = db.execute("SELECT data FROM credentials WHERE credential_set=? AND provider=?", (set, provider)).fetchone()
    return row and row[0]
def create(project, task, set, provider):
    token = "terok-p-" + secrets.token_hex(16)
    db.execute("INSERT INTO proxy_tokens VALUES (?, ?, ?, ?, ?)", (token, project, task, set, provider))
    db.commit()
    return token
def lookup(token):
    return db.execute("SELECT project, task, credential_set, provider FROM proxy_tokens WHERE token=?", (token,)).fetchone()
def revoke(project, task):
    n = db.execute("DELETE FROM proxy_tokens WHERE project=? AND task=?", (project, task)).rowcount
    db.commit()
    return n
exec(sys.argv[2])
PY
before() { timeout 60 python3 "$dir/before.py" "$db" "$1"; }
made() { mkdir -m 0700 "$dir/$n"; } # the folder, for who comes before us

# --- credentials ---------------------------------------------------------------------------

given() { # statement 46
	echo sk-ant-1234567 | p credential set claude --type api_key || return
	printf '{"type":"pat","token":"ghp_1234567"}' >"$dir/gh.json"
	p credential set gh --file "$dir/gh.json" --set other || return
	echo glpat-7654321 | p credential set gh --type pat --file - || return
	printf 'eyJhbGci' | p credential set codex --type oauth || return
	p credential list >"$dir/list" && diff - "$dir/list" <<-EOT || return
		default claude  api_key
		default codex  oauth
		default gh  pat
		other gh  pat
	EOT
	p credential list --set other --json | jq -e '. == [{set: "other", provider: "gh", type: "pat", sealed: true}]' || return
	echo sk-ant-7777777 | p credential set claude --type api_key && [ "$(p credential list | wc -l)" -eq 4 ] || return
	[ "$(p credential delete claude)" = "1 deleted" ] && [ "$(p credential delete claude)" = "0 deleted" ] &&
		[ "$(p credential delete gh)" = "1 deleted" ] && [ "$(p credential list | wc -l)" -eq 2 ]
}
is "a credential comes from standard input or a file, replaces, is listed and deleted" given
sealed() {
	echo sk-ant-1234567 | p credential set claude --type api_key && nowhere sk-ant || return
	[ "$(stat -c %a "$dir/$n" "$db" "$dir/$n-key/store.key" | tr '\n' ' ')" = "700 600 600 " ]
}
is "no byte of it is in a file, and the files are one person's" sealed
refused() {
	fails 2 "" p credential set claude sk-ant-1234567 || return
	fails 2 "--type" p credential set claude --type nonsense <<<secret || return
	fails 2 "PROVIDER" p credential set "%core" --type pat <<<secret || return
	fails 1 "JSON object" p credential set claude <<<'swordfish' || return
	fails 1 "no access_token" p credential set claude <<<'{"type":"oauth","key":"swordfish"}' || return
	fails 1 "header" p credential set claude --type pat <<<$'sword\x01fish' || return
	fails 1 "nothing is in it" p credential set claude --type pat </dev/null || return
	fails 1 "65536" p credential set claude --type pat < <(head -c 70000 /dev/zero | tr '\0' a) || return
	fails 1 "No such file" p credential set claude --file "$dir/nowhere" || return
	! grep -r swordfish "$dir/err" "$dir/$n" && [ -z "$(p credential list)" ]
}
is "what cannot be one is refused, in one line without a byte of it" refused
unseen() { # while it waits for its secret, what everybody can see of it has none
	local pid seen
	mkfifo "$dir/give" || return
	"$proxy" credential set claude --type pat <"$dir/give" &
	pid=$!
	exec 9>"$dir/give"
	# confine_privs(): no privileges, no core dump
	for _ in {1..500}; do
		grep -q '^NoNewPrivs:.1' "/proc/$pid/status" && break
		read -rt 0.02 <> <(:)
	done
	grep -q '^NoNewPrivs:.1' "/proc/$pid/status" || return
	printf swordfish >&9
	seen=$(tr '\0' ' ' <"/proc/$pid/cmdline") && [[ $seen == *credential* && $seen != *sword* ]] || return
	! grep -qa swordfish "/proc/$pid/environ" || return
	exec 9>&-
	wait $pid && rm "$dir/give" && [ "$(p credential list)" = "default claude  pat" ]
}
is "a secret is not on the command line and not in the environment" unseen

# --- a client of before --------------------------------------------------------------------

beside() { # statements 46, 47, 48
	local token
	made && before 'store("default", "claude", {"type": "api_key", "key": "sk-ant-plain"})' || return
	[ "$(p credential list)" = "default claude  api_key  in plain text" ] || return
	[ "$(before 'print(json.loads(load("default", "claude"))["key"])')" = sk-ant-plain ] || return
	token=$(before 'print(create("proj", "t1", "default", "claude"))') && [ -n "$token" ] || return
	p token list --json | jq -e --arg id "${token:0:16}" '. == [{id: $id, project: "proj", task: "t1",
		set: "default", provider: "claude", over: false}]' || return
	[ "$(p token revoke proj t1)" = "1 revoked" ] && [ "$(p token revoke proj t1)" = "0 revoked" ] &&
		[ "$(before "print(lookup('$token'))")" = None ]
}
is "what a client of before stored is there, and its tokens" beside
back() {
	local token
	token=$(p token create proj t2 gh --set work --for 1h --budget 3) && [[ $token =~ ^terok-p-[0-9a-f]{32}$ ]] || return
	[ "$(before "print(lookup('$token'))")" = "('proj', 't2', 'work', 'gh')" ] || return
	[ "$(before 'print(revoke("proj", "t2"), revoke("proj", "t2"))')" = "1 0" ] && [ -z "$(p token list)" ] &&
		[ "$(before 'print(db.execute("SELECT count(*) FROM token_terms").fetchone()[0])')" = 0 ]
}
is "what we make is a row that a client of before reads and revokes" back
swept() {
	made && before 'store("default", "claude", {"type": "api_key", "key": "sk-ant-plain"})' &&
		grep -raqF sk-ant-plain "$dir/$n" || return
	echo ghp | p credential set gh --type pat && nowhere sk-ant-plain || return
	p credential list --json | jq -e 'length == 2 and all(.sealed) and .[0].type == "api_key"' || return
	before 'store("default", "claude", {"type": "pat", "token": "sk-ant-again"})' || return
	p store status --json | jq -e '.plain == 1 and .credentials == 2' || return
	p store rotate && nowhere sk-ant-again && [ "$(p credential list --set default | head -1)" = "default claude  pat" ]
}
is "what it leaves in plain text is sealed by who next has the key and writes" swept
together() { # statement 48
	local i pids=()
	echo ghp | p credential set gh --type pat || return
	for i in 1 2 3; do
		before "for k in range(40): create('proj', 'py$i', 'default', 'gh'); store('py$i', 'p%d' % k, {'key': 'k'})" &
		pids+=($!)
		(for _ in {1..12}; do p token create proj "c$i" gh >/dev/null && p token list >/dev/null || exit 1; done) &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return; done
	[ "$(before 'print(db.execute("SELECT count(*) FROM proxy_tokens").fetchone()[0])')" = 156 ] &&
		p store status --json | jq -e '.tokens == 156 and .credentials == 121' &&
		[ "$(before 'print(db.execute("PRAGMA integrity_check").fetchone()[0], db.execute("PRAGMA journal_mode").fetchone()[0])')" = "ok wal" ]
}
is "clients of before and we read and write at once, and nothing is lost" together
layouts() { # statement 49
	made && before 'db.executescript("DROP TABLE proxy_tokens; CREATE TABLE proxy_tokens (token TEXT PRIMARY KEY, scope TEXT NOT NULL, subject TEXT NOT NULL, credential_set TEXT NOT NULL, provider TEXT NOT NULL); INSERT INTO proxy_tokens VALUES (\"terok-p-00000000aaaa\", \"proj\", \"box\", \"default\", \"github\"); PRAGMA user_version=3")' || return
	[ "$(p token list)" = "terok-p-00000000  proj box  github" ] || return
	before 'db.execute("PRAGMA user_version=104")' || return
	fails 1 "layout 104" p token list && fails 1 "$db" p credential set gh --type pat <<<ghp || return
	before 'db.execute("PRAGMA user_version=4")' || return
	fails 1 "layout 4 of terok-sandbox's vault" p token create a b c
}
is "a layout of the vault is made ours; a newer one is named, and left alone" layouts
names() { # statement 50
	local name
	for name in "%core" "" "-a" "a b" "../a" "$(printf 'a%.0s' {1..65})"; do
		fails 2 "" p token create -- "$name" t gh || return
		fails 2 "" p token create -- proj "$name" gh || return
	done
	p token create "$(printf 'a%.0s' {1..64})" t.1_x-y gh >/dev/null && [ "$(p token list | wc -l)" -eq 1 ]
}
is "names outside the grammar are refused, and those of the infrastructure" names

# --- tokens ---------------------------------------------------------------------------------

terms() {
	p token create proj t claude --for 2h --container box --method GET --method POST --path '/v1/**' --path /models \
		--budget 7 --json >"$dir/token" || return
	jq -e '.token[:8] == "terok-p-" and .methods == "GET POST" and .paths == "/v1/** /models" and .budget == 7 and
		.used == 0 and .container == "box" and .expires == .created + 7200' "$dir/token" || return
	fails 2 "--budget" p token create proj t claude --budget 0 || return
	fails 2 "--for" p token create proj t claude --for soon || return
	fails 2 "method" p token create proj t claude --method get || return
	fails 2 "pattern" p token create proj t claude --path v1 || return
	fails 2 "pattern" p token create proj t claude --path '/v1%2f' || return
	fails 2 "which?" p token revoke || return
	fails 2 "16 bytes" p token revoke terok-p- || return
	[ "$(p token revoke "$(jq -r .token[:16] "$dir/token")" --json)" = '{"revoked":1}' ]
}
is "terms are said when it is made" terms
over() {
	p token create proj t claude --for 1s >/dev/null && p token create proj t claude --for 1h >/dev/null || return
	before 'import time
while db.execute("SELECT min(expires) FROM token_terms").fetchone()[0] > time.time(): time.sleep(0.05)' || return
	[ "$(p token list | grep -c ' over$')" -eq 1 ] && [ "$(p token revoke --expired)" = "1 revoked" ] && [ "$(p token list | wc -l)" -eq 1 ]
}
is "one whose time is over is shown so, and taken with its like" over

# --- keys -----------------------------------------------------------------------------------

state() { p store status --json | jq -r '.state + " " + .key_source'; }
rotated() {
	local was
	echo sk-ant-1 | p credential set claude --type api_key && was=$(cat "$dir/$n-key/store.key") || return
	[ "$(p store rotate)" = "1 sealed anew" ] && [ "$(cat "$dir/$n-key/store.key")" = "$was" ] || return
	p store rotate --new-key && [ "$(cat "$dir/$n-key/store.key")" != "$was" ] && [ ! -e "$dir/$n-key/store.key.next" ] || return
	[ "$(p credential list)" = "default claude  api_key" ] && nowhere sk-ant
}
is "everything is sealed anew, with a new key if that is wanted" rotated
locked() {
	echo sk-ant-1 | p credential set claude --type api_key && [ "$(state)" = "unlocked file" ] || return
	mv "$dir/$n-key/store.key" "$dir/key" && [ "$(state)" = "locked none" ] || return
	[ "$(p credential list)" = "default claude  ?" ] && p token create proj t claude || return
	fails 1 "locked" p credential set gh --type pat <<<ghp || return
	fails 1 "locked" p store rotate || return
	[ ! -e "$dir/$n-key/store.key" ] || return
	echo ghp | p credential set gh --type pat --key-file "$dir/key" && p store rotate --key-file "$dir/key" --new-key &&
		[ "$(p store status --json --key-file "$dir/key" | jq -r .state)" = unlocked ]
}
is "without its key it is locked, and says so; lists and tokens work" locked
private() {
	echo sk-ant-1 | p credential set claude --type api_key && chmod 0644 "$dir/$n-key/store.key" || return
	fails 1 "chmod 0600" p credential set gh --type pat <<<ghp && chmod 0600 "$dir/$n-key/store.key" || return
	chmod 0777 "$dir/$n" && fails 1 "others may write" p credential set gh --type pat <<<ghp
}
is "a key that others read is none, nor a folder that others write to" private
credential() {
	mkdir -p "$dir/given" && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/given/terok-proxy-key" &&
		chmod 0400 "$dir/given/terok-proxy-key" && export CREDENTIALS_DIRECTORY=$dir/given || return
	echo sk-ant-1 | p credential set claude --type api_key && [ "$(state)" = "unlocked systemd" ] && [ ! -e "$dir/$n-key/store.key" ] || return
	unset CREDENTIALS_DIRECTORY
	[ "$(state)" = "locked none" ]
}
is "a credential of systemd's is its key" credential
unset CREDENTIALS_DIRECTORY

# At a terminal: ask WORDS-TO-TYPE COMMAND...; what it showed is in $dir/shown.
cat >"$dir/ask.py" <<'PY'
import os, pty, select, sys, time
typed = sys.argv[1].encode().decode('unicode_escape').split('|')
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown, end = b'', time.time() + 30
while time.time() < end:
    if not select.select([fd], [], [], 1)[0]: continue
    try: got = os.read(fd, 4096)
    except OSError: break
    if not got: break
    shown += got
    if typed and got.rstrip(b' ').endswith(b':'): os.write(fd, typed.pop(0).encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
ask() { timeout 60 python3 "$dir/ask.py" "$1" "$proxy" "${@:2}" >"$dir/shown"; }
asked() {
	ask 'sk-ant-typed\r' credential set claude --type api_key && grep -q '^secret:' "$dir/shown" && ! grep -q typed "$dir/shown" || return
	[ "$(p credential list)" = "default claude  api_key" ] && nowhere sk-ant-typed || return
	! ask 'a\x03' credential set gh --type pat && [ "$(p credential list | wc -l)" -eq 1 ] || return
	! ask 'swordfish\r|swordfis\r' store rotate --new-passphrase && grep -q "two passphrases" "$dir/shown" &&
		[ "$(state)" = "unlocked file" ] || return
	ask 'swordfishX\x7f\r|swordfish\r' store rotate --new-passphrase && ! grep -q sword "$dir/shown" || return
	[ ! -e "$dir/$n-key/store.key" ] && [ "$(state)" = "locked none" ] && nowhere swordfish || return
	! ask 'swordfis\r' store unlock && grep -q "not the passphrase" "$dir/shown" || return
	fails 1 "locked" setsid "$proxy" store unlock || return # no terminal, nobody to ask
	if ! ask 'swordfish\r' store unlock; then
		grep -q "kernel's keyring" "$dir/shown" || return
		ask 'swordfish\r' credential list # nothing to keep it here
		return 0
	fi
	[ "$(state)" = "unlocked keyring" ] && [ "$(p credential list)" = "default claude  api_key" ] || return
	p store lock && [ "$(state)" = "locked none" ] && p store lock || return
	printf swordfish >"$dir/passphrase" && p store unlock --passphrase-file "$dir/passphrase" --for 1h || return
	p store rotate --new-key && [ "$(state)" = "unlocked keyring" ] && p store lock
	[ "$(state)" = "unlocked file" ]
}
is "a passphrase is asked for at a terminal that shows nothing, and kept by the kernel until it is locked" asked

# --- what goes wrong ------------------------------------------------------------------------

busy() {
	echo ghp | p credential set gh --type pat || return
	mkfifo "$dir/begun" "$dir/end" || return
	before "db.execute('BEGIN IMMEDIATE'); open('$dir/begun', 'w').close(); open('$dir/end').read()" &
	cat "$dir/begun" && fails 1 "another program writes to it" p token create proj t gh && ! grep -q locked "$dir/err" || return
	[ "$(p token list | wc -l)" -eq 0 ] || return # who reads does not wait
	: >"$dir/end" && wait $! && p token create proj t gh
}
is "a writer that does not end is said, and nobody who reads waits for it" busy
encrypted() {
	made && head -c 8192 /dev/urandom >"$db" && cp "$db" "$dir/was" || return
	fails 1 "encrypted as a whole" p credential set gh --type pat <<<ghp && fails 1 "$db" p token list && cmp "$db" "$dir/was"
}
is "a file that is no database is said, and not touched" encrypted
full() {
	local small=$dir/small
	[ "$(id -u)" -eq 0 ] && mkdir "$small" && mount -t tmpfs -o size=400k,mode=0700 none "$small" || return
	export TEROK_CREDENTIALS_DIR=$small
	echo sk-ant-old | p credential set claude --type api_key && p token create proj t claude >/dev/null &&
		head -c 400k /dev/zero >"$small/fill" 2>/dev/null
	[ "$(stat -f -c %a "$small")" -eq 0 ] || return
	{ printf '{"type": "pat", "token": "ghp", "other": "'; head -c 60000 /dev/zero | tr '\0' a; echo '"}'; } >"$dir/large"
	fails 1 "$small/credentials.db" p credential set claude --file "$dir/large" || return
	grep -qE 'full|No space' "$dir/err" || { cat "$dir/err"; return 1; }
	fails 1 "$small" p store rotate --new-key || return
	rm "$small/fill" && [ "$(p credential list)" = "default claude  api_key" ] && [ "$(p token list | wc -l)" -eq 1 ] || return
	p store rotate --new-key && p credential set claude --file "$dir/large" && [ "$(p credential list)" = "default claude  pat" ]
}
if [ "$(id -u)" -eq 0 ]; then
	is "a full disk is said, and what was there stays" full
	umount "$dir/small" 2>/dev/null
else
	echo "SKIP a full disk is said, and what was there stays: needs root"
fi
exit $bad
