#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gate.sh BUILD FOLDER MIB - git served by the gate, by nginx with fcgiwrap, and by nobody
#
# For each line on stdin, which says what is to be done and how, what it took on stdout:
#   ls gate|nginx, clone gate|nginx|pipe	nanoseconds of git ls-remote, of git clone --bare
#   crowd N		N clones of the gate at once: how many failed, and bytes of the gate's own memory
#   push MIB		a push of one file: 0 or 1, and bytes of the gate's own memory
#   kill N		kills of the gate in the middle of a push: those after which the mirror was broken
#			or lacked what was acknowledged, and pushes that were acknowledged
set -u
build=$1 folder=$2 mib=$3
gate=$build/terok-gate
export HOME=$folder/home GIT_TERMINAL_PROMPT=0 LC_ALL=C
unset GIT_DIR GIT_EXEC_PATH NOTIFY_SOCKET
mkdir -p "$HOME" "$folder/base" "$folder/nginx"
chmod 0700 "$folder/base"
for need in git fcgiwrap nginx; do
	command -v $need >/dev/null || { echo "$need is not installed (tools/deps --install gate)" >&2; exit 77; }
done
git config --global user.name a
git config --global user.email a@example.org
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global core.compression 0

# --- a repository, and three ways to it --------------------------------------------------------

mirror=$folder/base/p.git
git init -q "$folder/src"
for i in $(seq "$mib"); do head -c 1048576 /dev/urandom >"$folder/src/file$i"; done
git -C "$folder/src" add -A
git -C "$folder/src" commit -q -m all
git clone -q --bare --no-local "$folder/src" "$mirror"
rm -rf "$folder/src"

port=9418 nginxport=9419 server=
token=$("$gate" token create p t --force --token-file "$folder/base/tokens.json" | head -n 1)
serve() {
	: >"$folder/log"
	"$gate" serve --base-path "$folder/base" --token-file "$folder/base/tokens.json" --port $port 2>"$folder/log" >/dev/null </dev/null &
	server=$!
	until grep -q 'serves ' "$folder/log"; do
		kill -0 $server || { cat "$folder/log" >&2; exit 1; }
		read -rt 0.01 <> <(:) || :
	done
}
serve
printf '%s:{PLAIN}x\n' "$token" >"$folder/nginx/users"
cat >"$folder/nginx/conf" <<EOT
daemon off;
user root;
worker_processes 2;
pid $folder/nginx/pid;
error_log $folder/nginx/error warn;
events { worker_connections 256; }
http {
	access_log off;
	client_max_body_size 0;
	client_body_temp_path $folder/nginx/body;
	fastcgi_temp_path $folder/nginx/fcgi;
	proxy_temp_path $folder/nginx/proxy;
	uwsgi_temp_path $folder/nginx/uwsgi;
	scgi_temp_path $folder/nginx/scgi;
	server {
		listen 127.0.0.1:$nginxport;
		auth_basic "git";
		auth_basic_user_file $folder/nginx/users;
		location / {
			fastcgi_pass unix:$folder/nginx/socket;
			fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
			fastcgi_param GIT_PROJECT_ROOT $folder/base;
			fastcgi_param GIT_HTTP_EXPORT_ALL 1;
			fastcgi_param HOME $HOME;
			fastcgi_param PATH_INFO \$uri;
			fastcgi_param QUERY_STRING \$query_string;
			fastcgi_param REQUEST_METHOD \$request_method;
			fastcgi_param CONTENT_TYPE \$content_type;
			fastcgi_param CONTENT_LENGTH \$content_length;
			fastcgi_param REMOTE_USER \$remote_user;
			fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
			fastcgi_param HTTP_GIT_PROTOCOL \$http_git_protocol;
		}
	}
}
EOT
fcgiwrap -c 4 -s "unix:$folder/nginx/socket" >/dev/null 2>&1 </dev/null &
wrap=$!
nginx -c "$folder/nginx/conf" >/dev/null 2>&1 </dev/null &
nginx=$!
# fcgiwrap leaves those that it has forked
trap 'kill $server $nginx $(cat /proc/$wrap/task/$wrap/children) $wrap 2>/dev/null' EXIT
until git ls-remote "http://$token:x@127.0.0.1:$nginxport/p.git" >/dev/null 2>&1; do
	kill -0 $nginx $wrap || { cat "$folder/nginx/error" >&2; exit 1; }
done

url() {
	case $1 in
	gate) echo "http://$token:x@127.0.0.1:$port/p.git" ;;
	nginx) echo "http://$token:x@127.0.0.1:$nginxport/p.git" ;;
	pipe) echo "file://$mirror" ;;
	esac
}
memory() { awk '/^RssAnon/ { print $2 * 1024 }' "/proc/$server/status"; }
now() { echo "${EPOCHREALTIME/./}"; }
# most_memory FILE: until it is removed
most_memory() {
	local most=0 at
	while [ -e "$1" ]; do
		at=$(memory)
		[ "${at:-0}" -le $most ] || most=$at
		read -rt 0.01 <> <(:) || :
	done
	echo $most
}

crowd() {
	local i failed=0
	: >"$folder/more"
	most_memory "$folder/more" >"$folder/most" &
	local watch=$! jobs=()
	for i in $(seq "$1"); do
		git clone -q --bare "$(url gate)" "$folder/crowd$i" 2>/dev/null &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do wait "$i" || failed=$((failed + 1)); done
	rm "$folder/more"
	wait $watch
	rm -rf "$folder"/crowd*
	echo "$failed $(cat "$folder/most")"
}
push() {
	local r=0
	git clone -q --depth 1 "$(url gate)" "$folder/big" && head -c "${1}M" /dev/urandom >"$folder/big/big" && git -C "$folder/big" add big &&
		git -C "$folder/big" commit -q -m big || r=1
	: >"$folder/more"
	most_memory "$folder/more" >"$folder/most" &
	git -C "$folder/big" push -q origin HEAD:refs/heads/big || r=1
	rm "$folder/more"
	wait $!
	[ "$(git -C "$mirror" rev-parse big)" = "$(git -C "$folder/big" rev-parse HEAD)" ] || r=1
	rm -rf "$folder/big"
	git -C "$mirror" update-ref -d refs/heads/big && git -C "$mirror" prune
	echo "$r $(cat "$folder/most")"
}
kills() {
	local i broken=0 acked=0 push took='' at
	git clone -q --depth 1 "$(url gate)" "$folder/k"
	for i in $(seq 0 "$1"); do
		# what was not acknowledged is no part of the next
		git -C "$folder/k" reset -q --hard origin/HEAD
		head -c 3M /dev/urandom >"$folder/k/new" && git -C "$folder/k" add new && git -C "$folder/k" commit -q -m "$i"
		took=${took:-$(now)} # of the first, which is left alone
		git -C "$folder/k" push -q origin "HEAD:refs/heads/k$i" 2>/dev/null &
		push=$!
		[ "$i" -ne 0 ] || { wait $push && took=$((($(now) - took) / 1000)) && continue; }
		at=$((RANDOM % (took * 4))) # before, in and after it: what a start mends takes its time
		read -rt "$(printf %d.%03d $((at / 1000)) $((at % 1000)))" <> <(:) || :
		kill -9 "$server"
		if wait $push; then
			acked=$((acked + 1))
			[ "$(git -C "$mirror" rev-parse "k$i")" = "$(git -C "$folder/k" rev-parse HEAD)" ] || broken=$((broken + 1))
		fi
		wait "$server"
		git -C "$mirror" fsck --connectivity-only >/dev/null 2>&1 || broken=$((broken + 1))
		serve
	done
	git -C "$mirror" fsck >/dev/null 2>&1 || broken=$((broken + 1))
	rm -rf "$folder/k"
	echo "$broken $acked"
}

# what is so new that it could change unseen is asked for each time: not what is measured
until [ $(($(date +%s) - $(stat -c %Z "$mirror/config"))) -gt 3 ]; do read -rt 0.1 <> <(:) || :; done
echo ready
while read -r what how; do
	case $what in
	ls)
		start=$(now)
		git ls-remote "$(url "$how")" >/dev/null || exit 1
		echo $((($(now) - start) * 1000)) ;;
	clone)
		start=$(now)
		git clone -q --bare "$(url "$how")" "$folder/clone" || exit 1
		echo $((($(now) - start) * 1000))
		rm -rf "$folder/clone" ;;
	crowd) crowd "$how" ;;
	push) push "$how" ;;
	kill) kills "$how" ;;
	esac
done
