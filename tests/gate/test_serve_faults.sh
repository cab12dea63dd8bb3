#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_serve_faults.sh - the gate's server when something is not as it should be
#
# First a git that is a script, so that it does what a test wants: what it is started with, what
# becomes of what it says, of one that hangs, dies, or says too much. Then the real one: a client
# that dies, a server that is killed, a disk that is full, two servers of one mirror.
set -u
dir='' port='' base='' tokens='' server='' admin='' gate='' mirror='' connection=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
begin
project p
token=$(token_of p t)
real=$PATH

# --- a git that does what it is told ---------------------------------------------------------

mkdir "$dir/bin"
cat >"$dir/bin/git" <<'EOT'
#!/bin/bash
[ "$1" = http-backend ] || exit 1
. "$(dirname "$0")/act"
EOT
chmod +x "$dir/bin/git"
acts() { cat >"$dir/bin/act"; }
PATH=$dir/bin:$PATH
mkdir "$dir/told" # that script has a place to leave word
serve --per-token 2 --silence-time 3 --reach "$dir/told"
PATH=$real
at=http://127.0.0.1:$port
ask() { curl -s -m 60 -u "$token:" -o "$dir/body" -D "$dir/head" -w '%{http_code}' "$@"; }
children() { cat "/proc/$server/task/$server/children"; }
gone() { # PID: within five seconds
	local i
	for i in $(seq 250); do
		kill -0 "$1" 2>/dev/null || return 0
		read -rt 0.02 <> <(:) || :
	done
	echo "$1 is still there"
	return 1
}
there() { # FILE, as long
	local i
	for i in $(seq 250); do
		[ ! -s "$1" ] || return 0
		read -rt 0.02 <> <(:) || :
	done
	echo "$1 is not there"
	return 1
}

acts <<'EOT'
printf 'Content-Type: text/plain\n\n'
env | sort
EOT
environment() { # statements 9, 10
	local -x TEROK_TEST_SECRET=1
	[ "$(ask "$at/p.git/info/refs?service=git-upload-pack&a=%20")" = 200 ] || return
	sed 's/=.*//' "$dir/body" | grep -v '^GIT_CONFIG_\|^_$\|^PWD$\|^SHLVL$\|^GIT_NO_REPLACE_OBJECTS$' >"$dir/names"
	printf '%s\n' CONTENT_TYPE GIT_HTTP_EXPORT_ALL GIT_PROJECT_ROOT HOME PATH PATH_INFO QUERY_STRING REMOTE_USER \
		REQUEST_METHOD SERVER_PROTOCOL | diff - "$dir/names" || return
	for line in 'CONTENT_TYPE=' 'GIT_HTTP_EXPORT_ALL=1' "GIT_PROJECT_ROOT=$base" "PATH=$dir/bin:$real" 'PATH_INFO=/p.git/info/refs' \
		'QUERY_STRING=service=git-upload-pack&a=%20' 'REMOTE_USER=token' 'REQUEST_METHOD=GET' 'SERVER_PROTOCOL=HTTP/1.1' \
		'GIT_CONFIG_KEY_0=core.hooksPath' 'GIT_CONFIG_VALUE_0=/dev/null'; do
		grep -qxF -- "$line" "$dir/body" || { echo "no $line in:"; cat "$dir/body"; return 1; }
	done
	[ "$(ask -H 'Git-Protocol: version=2' -H 'Content-Encoding: gzip' -H 'Content-Type: x/y' --data-binary abc "$at/p.git/git-upload-pack")" = 200 ] || return
	for line in CONTENT_LENGTH=3 CONTENT_TYPE=x/y HTTP_CONTENT_ENCODING=gzip HTTP_GIT_PROTOCOL=version=2 REQUEST_METHOD=POST; do
		grep -qxF -- "$line" "$dir/body" || { echo "no $line in:"; cat "$dir/body"; return 1; }
	done
	[ "$(ask -H 'Transfer-Encoding: chunked' --data-binary abc "$at/p.git/git-upload-pack")" = 200 ] && ! grep -q '^CONTENT_LENGTH' "$dir/body"
}
is "git has the environment of the contract, and nothing of ours" environment
mkdir "$dir/home2" && echo key >"$dir/home2/key"
acts <<EOT
printf 'Content-Type: text/plain\n\n'
cat "$dir/home2/key" && echo has read
echo x >"$dir/home2/made" && echo has made
mv "$dir/home2/key" "$dir/home2/other" && echo has moved
printf '#!/bin/sh\necho has run' >"$mirror/prog" && chmod +x "$mirror/prog" && echo works && "$mirror/prog"
echo x >/dev/null && echo is here
EOT
nowhere_else() { # whoever it has become
	local code
	code=$(ask "$at/p.git/HEAD")
	rm -f "$mirror/prog"
	[ "$code" = 200 ] && [ "$(cat "$dir/body")" = "works
is here" ] || { cat "$dir/body"; return 1; }
	[ "$(ls "$dir/home2")" = key ]
}
if nm -D "$gate" | grep -q __asan_init; then # base/confine.h: its run time has to look
	echo "SKIP nowhere_else: a sanitizer's build is not confined"
else
	is "git works in the mirrors, and neither reads nor writes nor runs what is none of it" nowhere_else
	cat >"$dir/bin/tries" <<-EOT
		tries() { "\$@" 2>/dev/null && echo "\$*"; }
		connects() { : <>/dev/tcp/127.0.0.1/$port; }
		tries connects
		tries unshare --user true
		tries unshare --net true
		tries chroot / true
		tries setarch -R true
		(tries true)
	EOT
	{ printf "printf 'Content-Type: text/plain\\n\\n'\n"; cat "$dir/bin/tries"; } | acts
	nothing_else() { # the control: out of it, all of that can be done
		local n
		n=$(bash "$dir/bin/tries" | wc -l)
		[ "$n" -eq 6 ] || { echo "SKIP: $n of 6 can be done here at all"; bash "$dir/bin/tries"; }
		[ "$(ask "$at/p.git/HEAD")" = 200 ] && [ "$(cat "$dir/body")" = true ] || { cat "$dir/body"; return 1; }
	}
	is "git calls nobody, makes no namespace and changes no root" nothing_else
fi
acts <<'EOT'
printf 'Status: 404 Not Found\nno colon\nX-A: b\n\nbody'
echo 'a complaint' >&2
EOT
status() { # statements 6, 11
	[ "$(ask "$at/p.git/HEAD")" = 404 ] && grep -q '^X-A: b' "$dir/head" && [ "$(cat "$dir/body")" = body ] && grep -q 'http-backend: a complaint' "$dir/log"
}
is "its status is the reply's, what it complains of is the log's" status
acts <<'EOT'
exit 1
EOT
nothing() { [ "$(ask "$at/p.git/HEAD")" = 500 ] && ! grep -q 'a complaint' "$dir/body"; }
is "one that says nothing is 500" nothing
acts <<'EOT'
printf 'Content-Type: x\n\n'
head -c 6000000 /dev/zero
cat | wc -c
EOT
chatty() { head -c 6000000 /dev/zero >"$dir/six" && [ "$(ask -H Expect: --data-binary "@$dir/six" "$at/p.git/git-upload-pack")" = 200 ] && [ "$(tail -c 8 "$dir/body" | tr -d '\0\n')" = 6000000 ]; }
is "one that says much before it reads, and reads much, does both" chatty
acts <<'EOT'
printf 'Content-Type: x\n\n'
head -c 300000 /dev/zero
kill -9 $$
EOT
killed() {
	ask "$at/p.git/HEAD" >/dev/null
	[ $? -eq 18 ] || { echo "a whole reply"; return 1; }
	ask -0 "$at/p.git/HEAD" >/dev/null
	[ $? -eq 56 ] || { echo "a whole reply of HTTP/1.0"; return 1; }
}
is "what one that is killed said does not look whole" killed
acts <<'EOT'
echo $$ >>"$(dirname "$0")/../told/pid"
printf 'Content-Type: x\n\n'
head -c 100
exec sleep 1000
EOT
client() {
	rm -f "$dir/told/pid"
	ask "$at/p.git/HEAD" &
	local asks=$!
	there "$dir/told/pid" && kill -9 $asks && gone "$(cat "$dir/told/pid")"
}
is "one whose client dies is ended" client
busy() {
	rm -f "$dir/told/pid"
	ask "$at/p.git/HEAD" >/dev/null &
	local one=$!
	there "$dir/told/pid" || return
	curl -s -m 20 -u "$token:" "$at/p.git/HEAD" -o /dev/null &
	local two=$!
	until [ "$(wc -l <"$dir/told/pid")" -eq 2 ]; do read -rt 0.02 <> <(:) || :; done
	[ "$(ask "$at/p.git/HEAD")" = 503 ] && grep -qi '^Retry-After: ' "$dir/head"
	local r=$?
	kill $one $two
	return $r
}
is "one more than a token may have at once is 503" busy
silent() {
	rm -f "$dir/told/pid"
	ask "$at/p.git/HEAD" >/dev/null
	[ $? -eq 18 ] && gone "$(cat "$dir/told/pid")"
}
is "one that does nothing for too long is killed, and its reply cut" silent
acts <<'EOT'
echo $$ >"$(dirname "$0")/../told/pid"
printf 'Content-Type: x\n\nall'
exec >&-
exec sleep 1000
EOT
lingers() { # statement 11
	local began=$SECONDS
	[ "$(ask "$at/p.git/HEAD")" = 200 ] && [ "$(cat "$dir/body")" = all ] && [ $((SECONDS - began)) -ge 29 ] && gone "$(cat "$dir/told/pid")"
}
is "one that has said all and does not end is killed after 30 seconds" lingers
acts <<'EOT'
echo $$ >"$(dirname "$0")/../told/pid"
exec sleep 1000
EOT
dies() {
	rm -f "$dir/told/pid"
	ask "$at/p.git/HEAD" >/dev/null &
	there "$dir/told/pid" && kill -9 "$server" && gone "$(cat "$dir/told/pid")"
}
is "it does not outlive the server" dies
mkdir "$dir/none"
for tool in env bash sh; do ln -s "$(command -v $tool)" "$dir/none/$tool"; done
missing() {
	PATH=$dir/none TEROK_GATE_ADMIN_TOKEN='' "$gate" serve --base-path "$base" --token-file "$tokens" --port $port 2>"$dir/log" >/dev/null &
	server=$!
	until grep -q 'serves ' "$dir/log"; do kill -0 $server || return; done
	[ "$(ask "$at/p.git/HEAD")" = 500 ] && [ "$(cat "$dir/body")" = "git not found" ] || return
	printf '#!/nonexistent\n' >"$dir/none/git" && chmod +x "$dir/none/git" && [ "$(ask "$at/p.git/HEAD")" = 500 ]
	local r=$?
	kill $server
	return $r
}
is "no git is 500" missing

# --- the real one ----------------------------------------------------------------------------

serve --idle-time 2
at=http://127.0.0.1:$port
slow() { # it never reads: its git ends when the client is shut out
	head -c 30000000 /dev/urandom >"$dir/src-p/big" &&
		commit "$dir/src-p" big && g -C "$dir/src-p" push -q "$mirror" HEAD:refs/heads/big || return
	reconnect
	printf 'POST /p.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nGit-Protocol: version=2\r\nContent-Type: application/x-git-upload-pack-request\r\nAuthorization: Basic %s\r\nContent-Length: 91\r\n\r\n0012command=fetch\n00010032want %s\n0009done\n0000' \
		"$(printf '%s:' "$token" | base64 -w0)" "$(git -C "$mirror" rev-parse big)" >&"$connection"
	local i
	for i in $(seq 250); do [ -n "$(children)" ] && break; read -rt 0.02 <> <(:) || :; done
	[ -n "$(children)" ] || { echo "no git"; return 1; }
	for i in $(seq 500); do [ -z "$(children)" ] && return 0; read -rt 0.02 <> <(:) || :; done
	echo "still there: $(children)"
	return 1
}
is "a client that reads nothing is shut out" slow
dies_in_push() {
	g clone -q "http://$token@127.0.0.1:$port/p.git" "$dir/c" && head -c 40000000 /dev/urandom >"$dir/c/big2" && commit "$dir/c" big2 || return
	local i push try
	for i in 1 2 3; do
		git -C "$dir/c" push -q "http://$token@127.0.0.1:$port/p.git" "HEAD:refs/heads/dies$i" 2>/dev/null &
		push=$!
		until [ -n "$(children)" ] || ! kill -0 $push; do read -rt 0.0$i <> <(:) || :; done
		kill -9 $push && wait $push 2>/dev/null
		for try in $(seq 500); do [ -z "$(children)" ] && break; read -rt 0.02 <> <(:) || :; done
	done
	# what was whole already may be done just now, in the way of the first try
	git -C "$mirror" fsck --no-dangling && { again dies || again dies; } && ! find "$mirror" -name '*.lock' | grep .
}
again() { g -C "$dir/c" push -q "http://$token@127.0.0.1:$port/p.git" "HEAD:refs/heads/$1"; }
is "a client that dies in a push leaves the mirror whole, and unlocked" dies_in_push
killed_in_push() {
	local i push
	for i in 1 2 3; do
		commit "$dir/c" "try $i" && head -c 20000000 /dev/urandom >"$dir/c/big2" && commit "$dir/c" big
		git -C "$dir/c" push -q "http://$token@127.0.0.1:$port/p.git" HEAD:refs/heads/killed$i 2>/dev/null &
		push=$!
		until [ -n "$(children)" ] || ! kill -0 $push; do read -rt 0.0$i <> <(:) || :; done
		kill -9 "$server" && wait $push && { echo "a push that nobody took"; return 1; }
		wait "$server"
		serve --idle-time 2
		# git may still be at the last of it, and then be in the way of the first try
		g -C "$mirror" fsck --no-dangling && { again "killed$i" || again "killed$i"; } || return
	done
	! find "$mirror" -name '*.lock' | grep .
}
is "a server that is killed in a push leaves the mirror whole, and unlocked" killed_in_push
left_locked() { # by a git that was killed with its server
	: >"$mirror/refs/heads/left.lock"
	! again left || return
	kill "$server" && wait "$server"
	serve --idle-time 2
	grep -q 'p: 1 files that a killed git had left are gone' "$dir/log" && again left
}
is "a lock that a killed git left is gone with the next server" left_locked
two() { # another server of the same folder
	local first=$server firstport=$port i r=0
	serve
	for i in 1 2 3 4 5 6 7 8; do
		git -C "$dir/c" push -q "http://$token@127.0.0.1:$([ $((i % 2)) -eq 0 ] && echo $port || echo $firstport)/p.git" "HEAD:refs/heads/two$i" &
	done
	wait $(jobs -p | grep -v "^$first$\|^$server$") || r=1
	kill "$first"
	[ "$(git -C "$mirror" for-each-ref 'refs/heads/two*' | wc -l)" -eq 8 ] && git -C "$mirror" fsck --no-dangling && return $r
}
is "two servers of one mirror" two
full() {
	mkdir "$dir/disk" && mount -t tmpfs -o size=3m,mode=0700 none "$dir/disk" || return
	local r=1
	git init -q --bare -b main "$dir/disk/full.git"
	local t
	t=$("$gate" token create full t --token-file "$dir/disk/tokens.json" | head -n 1)
	base=$dir/disk tokens=$dir/disk/tokens.json
	kill "$server"
	serve
	git init -q "$dir/f" && commit "$dir/f" one && g -C "$dir/f" push -q "http://$t@127.0.0.1:$port/full.git" HEAD:refs/heads/main &&
		head -c 6000000 /dev/urandom >"$dir/f/big" && commit "$dir/f" big &&
		! g -C "$dir/f" push "http://$t@127.0.0.1:$port/full.git" HEAD:refs/heads/main && git -C "$dir/disk/full.git" fsck &&
		g -C "$dir/f" reset -q --hard HEAD~1 && commit "$dir/f" small && g -C "$dir/f" push -q "http://$t@127.0.0.1:$port/full.git" HEAD:refs/heads/main &&
		[ "$(git -C "$dir/disk/full.git" rev-parse main)" = "$(git -C "$dir/f" rev-parse HEAD)" ]
	r=$?
	kill "$server" && gone "$server"
	umount "$dir/disk"
	return $r
}
if [ "$(id -u)" -eq 0 ]; then
	is "a full disk refuses a push, and loses nothing" full
else
	echo "ok a full disk refuses a push, and loses nothing # SKIP needs root, to mount a small disk"
fi

finish
