#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_git.sh - git by HTTPS: real git in a container's place, nginx and git http-backend as the upstream
#
# The upstream wants a password of Basic at one port, by HTTP/2, and a bearer's token at another, by HTTP/1.1; git has
# the phantom token in http.extraHeader.
set -u
dir='' port='' routes='' here='' server='' audit='' proxy=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
for need in git nginx fcgiwrap; do
	command -v $need >/dev/null || { echo "SKIP: $need is not installed (tools/deps --install proxy)"; exit 77; }
done

begin
export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_CONFIG_GLOBAL=$dir/gitconfig
unset GIT_DIR GIT_EXEC_PATH GIT_ASKPASS SSH_ASKPASS
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main && git config --global gc.auto 0
pat=ghp-real-0123456789abcdef basic=$(printf 'x-access-token:ghp-real-0123456789abcdef' | base64 -w 0)
mkdir "$dir/repos" "$dir/nginx"
for p in p q; do
	git init -q --bare "$dir/repos/$p.git" && git -C "$dir/repos/$p.git" config http.receivepack true
	git init -q "$dir/src-$p" && echo "$p" >"$dir/src-$p/of" && git -C "$dir/src-$p" add -A && git -C "$dir/src-$p" commit -qm one && git -C "$dir/src-$p" push -q "$dir/repos/$p.git" HEAD:main
done
printf 'x-access-token:{PLAIN}%s\n' "$pat" >"$dir/nginx/users"

upstream_begin() { # two ports that nobody has
	local try one two
	setsid fcgiwrap -c 2 -s "unix:$dir/nginx/socket" >/dev/null 2>&1 </dev/null &
	others+=("-$!")
	for ((try = 0; try < 20; try++)); do
		one=$((20000 + RANDOM % 12000)) two=$((20000 + RANDOM % 12000))
		cat >"$dir/nginx/params" <<-E
			location / {
				fastcgi_pass unix:$dir/nginx/socket;
				fastcgi_request_buffering off;
				fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
				fastcgi_param GIT_PROJECT_ROOT $dir/repos;
				fastcgi_param GIT_HTTP_EXPORT_ALL 1;
				fastcgi_param GIT_CONFIG_GLOBAL $GIT_CONFIG_GLOBAL;
				fastcgi_param HOME $dir;
				fastcgi_param PATH_INFO \$uri;
				fastcgi_param QUERY_STRING \$query_string;
				fastcgi_param REQUEST_METHOD \$request_method;
				fastcgi_param CONTENT_TYPE \$content_type;
				fastcgi_param CONTENT_LENGTH \$content_length;
				fastcgi_param REMOTE_USER git;
				fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
				fastcgi_param HTTP_GIT_PROTOCOL \$http_git_protocol;
			}
			ssl_certificate $dir/up/cert.pem;
			ssl_certificate_key $dir/up/key.pem;
		E
		cat >"$dir/nginx/conf" <<-E
			daemon off;
			$([ "$(id -u)" != 0 ] || echo 'user root;')
			pid $dir/nginx/pid;
			error_log $dir/nginx/error warn;
			events { worker_connections 256; }
			http {
				log_format all '\$server_protocol \$request \$status \$request_length "\$http_authorization" "\$http_git_protocol"';
				access_log $dir/nginx/access all;
				client_max_body_size 0;
				client_body_temp_path $dir/nginx/body;
				fastcgi_temp_path $dir/nginx/fcgi;
				proxy_temp_path $dir/nginx/proxy;
				uwsgi_temp_path $dir/nginx/uwsgi;
				scgi_temp_path $dir/nginx/scgi;
				server { listen 127.0.0.1:$one ssl http2; auth_basic git; auth_basic_user_file $dir/nginx/users; include $dir/nginx/params; }
				server { listen 127.0.0.1:$two ssl; if (\$http_authorization != "Bearer $pat") { return 401; } include $dir/nginx/params; }
			}
		E
		nginx -c "$dir/nginx/conf" >"$dir/nginx/out" 2>&1 </dev/null &
		local nginx=$! i
		for ((i = 0; i < 500; i++)); do
			kill -0 $nginx 2>/dev/null || break
			curl -s -o /dev/null --cacert "$dir/up/ca.pem" "https://localhost:$two/" && kill -0 $nginx && others+=("$nginx") && two_ports="$one $two" && return
			sleep 0.02
		done
		kill $nginx 2>/dev/null
	done
	echo "not ok nginx begins"
	sed 's/^/    /' "$dir/nginx/error" "$dir/nginx/out"
	exit 1
}
two_ports=
upstream_begin
read -r one two <<<"$two_ports"
echo '{"hub": {"upstream": "https://localhost:'"$one"'", "auth_prefix": "Basic "}, "lab": {"upstream": "https://localhost:'"$two"'"}}' >"$routes"
credential hub '{"type":"pat","token":"'"$basic"'"}'
credential lab '{"type":"pat","token":"'"$pat"'"}'
hub=$(token hub) lab=$(token lab)
serve --log-level DEBUG

g() { # TOKEN ARGS...: git in a container
	local t=$1
	shift
	timeout 60 git -c "http.extraHeader=Authorization: Bearer $t" "$@"
}
url() { echo "http://127.0.0.1:$port/$1.git"; }
same() { [ "$(git -C "$1" rev-parse HEAD)" = "$(git -C "$dir/repos/$2.git" rev-parse "${3:-main}")" ] || { echo "$1 is not what $2 is"; return 1; }; }
nosecret() { ! grep -rqa "$pat\|$basic" "$1" || { echo "a secret is in $1"; return 1; }; }

clone() { # BY WHO
	local t=$1 who=$2
	g "$t" clone -q "$(url p)" "$dir/$who" && same "$dir/$who" p && nosecret "$dir/$who" && g "$t" clone -q --depth 1 "$(url q)" "$dir/$who-shallow" && same "$dir/$who-shallow" q &&
		git -C "$dir/$who" log --oneline | grep -q one && g "$t" ls-remote "$(url p)" | grep -q refs/heads/main
}
is "clone, a shallow one, ls-remote: Basic, by HTTP/2" clone "$hub" hub
is "... and a bearer's token, by HTTP/1.1" clone "$lab" lab
heard() {
	grep -q '^HTTP/2.0 GET /p.git/info/refs?service=git-upload-pack HTTP/2.0 200 .*"Basic '"$basic"'" "version=2"$' "$dir/nginx/access" &&
		grep -q '^HTTP/1.1 POST /p.git/git-upload-pack HTTP/1.1 200 .*"Bearer '"$pat"'"' "$dir/nginx/access" && ! grep -q 'terok-p-' "$dir/nginx/access"
}
is "the upstream hears the secret and no token, and which protocol git speaks" heard
push() { # BY WHO MIB [GIT'S OPTIONS]
	local t=$1 who=$2 mib=$3
	shift 3
	head -c $((mib * 1048576)) /dev/urandom >"$dir/$who/file" && git -C "$dir/$who" add -A && git -C "$dir/$who" commit -qm "$mib MiB" && g "$t" -C "$dir/$who" "$@" push -q origin "HEAD:$who" && same "$dir/$who" p "$who" &&
		git -C "$dir/repos/p.git" fsck --connectivity-only "$who"
}
is "a push of some bytes" push "$hub" hub 0
is "a push of 8 MiB, in chunks, by HTTP/2" push "$hub" hub 8
is "... and by HTTP/1.1" push "$lab" lab 8
is "... and of one length" push "$lab" lab 5 -c http.postBuffer=20000000
expects() {
	GIT_TRACE_CURL=$dir/trace push "$1" "$2" 6 -c 'http.extraHeader=Expect: 100-continue' && grep -q 'Send header: Expect: 100-continue' "$dir/trace" && grep -q 'Recv header: HTTP/1.1 100' "$dir/trace"
}
is "a push that asks first whether it may, by HTTP/1.1" expects "$lab" lab
is "... and by HTTP/2" expects "$hub" hub
fetched() { # what one pushed the other fetches
	g "$lab" -C "$dir/lab" fetch -q origin hub && [ "$(git -C "$dir/lab" rev-parse FETCH_HEAD)" = "$(git -C "$dir/hub" rev-parse HEAD)" ] && g "$lab" -C "$dir/lab" push -q origin :hub &&
		! git -C "$dir/repos/p.git" rev-parse -q --verify refs/heads/hub && g "$lab" -C "$dir/lab" tag v1 && g "$lab" -C "$dir/lab" push -q --tags origin && git -C "$dir/repos/p.git" rev-parse -q --verify refs/tags/v1
}
is "fetch, a branch that is deleted, tags" fetched
refused() {
	local t
	! g terok-p-00000000000000000000000000000000 ls-remote "$(url p)" && ! git ls-remote "$(url p)" && t=$(token lab --path '/q.git/**') && g "$t" ls-remote "$(url q)" && ! g "$t" ls-remote "$(url p)" &&
		t=$(token lab --path '/p.git/info/refs' --path '/p.git/git-upload-pack') && g "$t" clone -q "$(url p)" "$dir/reads" && ! g "$t" -C "$dir/reads" push -q origin HEAD:mine && ! git -C "$dir/repos/p.git" rev-parse -q --verify refs/heads/mine
}
is "no token, a wrong one, one of another repository, and one that may read do no more" refused
many() {
	local i pids=()
	for i in $(seq 12); do g "$lab" clone -q "$(url p)" "$dir/many$i" & pids+=($!); done
	for i in "${pids[@]}"; do wait "$i" || return; done
	for i in $(seq 12); do same "$dir/many$i" p || return; done
}
is "12 clones at once" many
quiet() { nosecret "$dir/log" && nosecret "$audit" && ! grep -qa 'terok-p-' "$dir/log" "$audit"; }
is "no secret and no token is in the log or the audit" quiet
finish
