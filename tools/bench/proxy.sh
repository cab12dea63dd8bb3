#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# proxy.sh BUILD FOLDER PLAIN TLS SECRET - one upstream behind terok-proxy, nginx and HAProxy, until standard input ends
#
# PLAIN and TLS are the upstream's ports; FOLDER/{cert,key}.pem will be the certificate of the second, of a CA
# that all three are told. Each has one worker, on CPU 0 if there are two, and swaps a token for SECRET.
# Then a line for each way: WHO log|quiet http|https PID PORT TOKEN, and "ready".
set -u
build=$1 folder=$2 plain=$3 tls=$4 secret=$5
for need in nginx haproxy openssl; do
	command -v $need >/dev/null || { echo "$need is not installed (tools/deps --install proxy)" >&2; exit 77; }
done
proxy=$build/terok-proxy
export HOME=$folder/home LC_ALL=C TEROK_CREDENTIALS_DIR=$folder/c XDG_RUNTIME_DIR=$folder/x
unset NOTIFY_SOCKET http_proxy https_proxy HTTPS_PROXY CREDENTIALS_DIRECTORY
mkdir -m 0700 "$HOME" "$folder/c" "$folder/x" "$folder/log" "$folder/quiet" "$folder/nginx" "$folder/haproxy"
ulimit -n 8192
pin=()
[ "$(nproc --all)" -lt 2 ] || pin=(taskset -c 0)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait' EXIT

(
	cd "$folder" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=a CA of the bench" &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost &&
		openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem -extfile <(echo subjectAltName=DNS:localhost)
) 2>"$folder/openssl" || { cat "$folder/openssl" >&2; exit 1; }

# begin ERRORS PORT COMMAND...: in the background; it listens there before we go on, at most 10 s
begin() {
	local err=$1 port=$2 i
	shift 2
	"${pin[@]}" "$@" 2>"$err" </dev/null >"${out:-/dev/null}" &
	pids+=($!)
	for ((i = 0; i < 1000; i++)); do
		[ -z "$(ss -Hltn "sport = :$port")" ] || return
		kill -0 "${pids[-1]}" 2>/dev/null || break
		read -rt 0.01 <> <(:) || :
	done
	echo "it does not begin: $*" >&2
	tail -n 5 "$err" >&2
	exit 1
}

# --- ours: with its audit, and without ---------------------------------------------------------

cat >"$folder/c/routes.json" <<E
{"http": {"upstream": "http://localhost:$plain"}, "https": {"upstream": "https://localhost:$tls"}}
E
for p in http https; do
	printf '{"type":"api_key","key":"%s"}' "$secret" | "$proxy" credential set $p >/dev/null || exit 1
done
http=$("$proxy" token create p t http) && https=$("$proxy" token create p t https) || exit 1
ours() { # log|quiet PORT AUDIT
	export TEROK_SANDBOX_RUNTIME_DIR=$folder/$1
	begin "$folder/$1/err" "$2" "$proxy" serve --port "$2" --ssh-agent-port 0 --ssh-keys-file "$folder/c/ssh-keys.json" --no-containers --ca-file "$folder/ca.pem" --log-level WARNING --audit-log "$3"
	echo "ours $1 http ${pids[-1]} $2 $http"
	echo "ours $1 https ${pids[-1]} $2 $https"
}
ours log 9431 "$folder/log/audit"
ours quiet 9432 none

# --- nginx and HAProxy: the same swap, kept connections, a line of each or none ---------------

server() { # PORT SCHEME LOG
	cat <<-E
	server {
		listen 127.0.0.1:$1;
		access_log $3;
		if (\$secret = "") { return 401; }
		location / { proxy_pass $2://$2; }
		location /events { proxy_pass $2://$2; proxy_buffering off; }
		# of its own accord it carries 4 KiB at a time
		location ~ ^/(bytes|sink) {
			proxy_pass $2://$2;
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_buffers 8 64k;
			proxy_buffer_size 64k;
			client_body_buffer_size 64k;
		}
	}
	E
}
cat >"$folder/nginx/conf" <<E
daemon off;
master_process off;
pid $folder/nginx/pid;
error_log $folder/nginx/err warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
	map_hash_bucket_size 256;
	client_max_body_size 0;
	client_body_temp_path $folder/nginx/body;
	proxy_temp_path $folder/nginx/proxy;
	fastcgi_temp_path $folder/nginx/fastcgi;
	uwsgi_temp_path $folder/nginx/uwsgi;
	scgi_temp_path $folder/nginx/scgi;
	keepalive_requests 100000000;
	keepalive_timeout 600;
	map \$http_authorization \$secret { "Bearer $http" "Bearer $secret"; default ""; }
	upstream http { server 127.0.0.1:$plain; keepalive 256; keepalive_requests 100000000; }
	upstream https { server 127.0.0.1:$tls; keepalive 256; keepalive_requests 100000000; }
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	proxy_set_header Authorization \$secret;
	proxy_ssl_verify on;
	proxy_ssl_trusted_certificate $folder/ca.pem;
	proxy_ssl_name localhost;
	proxy_ssl_server_name on;
$(server 9441 http "$folder/nginx/access" && server 9442 https "$folder/nginx/access" && server 9443 http off && server 9444 https off)
}
E
begin "$folder/nginx/start" 9444 nginx -c "$folder/nginx/conf" -e "$folder/nginx/err"

frontend() { # PORT SCHEME LOG
	cat <<-E
	frontend f$1
		bind 127.0.0.1:$1
		$3
		http-request deny deny_status 401 unless { req.hdr(authorization) -m str "Bearer $http" }
		http-request set-header Authorization "Bearer $secret"
		default_backend $2
	E
}
cat >"$folder/haproxy/conf" <<E
global
	nbthread 1
	maxconn 2048
	log stdout format raw local0
defaults
	mode http
	option httplog
	option http-no-delay
	timeout connect 10s
	timeout client 600s
	timeout server 600s
	http-reuse always
$(frontend 9451 http "log global" && frontend 9452 https "log global" && frontend 9453 http "" && frontend 9454 https "")
backend http
	server up 127.0.0.1:$plain
backend https
	server up 127.0.0.1:$tls ssl verify required ca-file $folder/ca.pem verifyhost localhost sni str(localhost)
E
out=$folder/haproxy/access begin "$folder/haproxy/err" 9454 haproxy -db -f "$folder/haproxy/conf"

n=0
for log in log quiet; do
	for scheme in http https; do
		n=$((n + 1))
		echo "nginx $log $scheme ${pids[2]} 944$n $http"
		echo "haproxy $log $scheme ${pids[3]} 945$n $http"
	done
done
echo ready
cat >/dev/null
