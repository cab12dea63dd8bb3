#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_clients.sh - programs and libraries that containers have: npm with a registry, Python's HTTP, events and WebSockets
#
# Each with the phantom token, where its users put one. What is not installed is named.
set -u
dir='' port='' plain='' tls='' routes='' here='' audit=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
secret=real-secret-0123456789
echo '{"api": {"upstream": "https://localhost:'"$tls"'"}, "plain": {"upstream": "http://localhost:'"$plain"'"}}' >"$routes"
for p in api plain; do credential $p '{"type":"api_key","key":"'$secret'"}'; done
api=$(token api) bare=$(token plain)
serve --log-level DEBUG

python() { # MODULE: one that has it
	local p
	for p in python3 /usr/bin/python3; do $p -c "import $1" 2>/dev/null && echo $p && return; done
	return 1
}
for what in http.client urllib requests websockets; do
	p=$(python "${what}") || { echo "SKIP python's $what: it is not installed (tools/deps --install proxy)"; continue; }
	is "python's $what, TLS behind the proxy" "$p" "$here/libraries.py" $what "$port" "$api" "$dir/up/go" $secret
	is "... and none" "$p" "$here/libraries.py" $what "$port" "$bare" "$dir/up/go" $secret
done

# --- npm: a registry for who has its token ------------------------------------------------------

registry() {
	local sum
	mkdir -p "$dir/up/files/tiny/-" "$dir/package" && echo $secret >"$dir/up/good" && echo '{"name":"tiny","version":"1.0.0","main":"index.js"}' >"$dir/package/package.json" && echo 'module.exports = 42;' >"$dir/package/index.js" &&
		tar -C "$dir" -czf "$dir/up/files/tiny/-/tiny-1.0.0.tgz" package && sum=$(openssl dgst -sha512 -binary "$dir/up/files/tiny/-/tiny-1.0.0.tgz" | base64 -w 0) && mkdir "$dir/up/files/meta" &&
		echo '{"name":"tiny","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tiny","version":"1.0.0","main":"index.js","dist":{"tarball":"http://127.0.0.1:'"$port"'/tiny/-/tiny-1.0.0.tgz","integrity":"sha512-'"$sum"'"}}}}' >"$dir/up/files/little" &&
		sed 's/tiny/little/; s/"name":"tiny"/"name":"little"/g' -i "$dir/up/files/little"
}
npm_of() { # TOKEN ARGS...: in a project of its own
	local t=$1
	shift
	rm -rf "$dir/project" && mkdir "$dir/project" && echo '{"name":"of-a-test","version":"1.0.0"}' >"$dir/project/package.json" &&
		printf 'registry=http://127.0.0.1:%s/\n//127.0.0.1:%s/:_authToken=%s\n' "$port" "$port" "$t" >"$dir/project/.npmrc" &&
		(cd "$dir/project" && timeout 60 npm --cache "$dir/npm-cache" --no-audit --no-fund --no-update-notifier --fetch-retries=0 "$@")
}
install() {
	npm_of "$api" install little && [ "$(node -p 'require("'"$dir/project/node_modules/little"'")')" = 42 ] && grep -q 'GET /little HTTP/1.1' "$dir/up/seen" && grep -q 'GET /tiny/-/tiny-1.0.0.tgz' "$dir/up/seen" &&
		! grep -rqa "$secret" "$dir/project" "$dir/npm-cache"
}
uninvited() {
	rm -rf "$dir/npm-cache"
	! npm_of terok-p-00000000000000000000000000000000 install little >"$dir/npm" 2>&1 && grep -q E401 "$dir/npm"
}
publish() {
	echo '{"name":"mine","version":"2.0.0"}' >"$dir/mine.json" && npm_of "$api" pack --dry-run >/dev/null && cp "$dir/mine.json" "$dir/project/package.json" && (cd "$dir/project" && timeout 60 npm --cache "$dir/npm-cache" publish --no-update-notifier) &&
		jq -e '._attachments | has("mine-2.0.0.tgz")' "$dir/up/files/mine" >/dev/null
}
if command -v npm >/dev/null && command -v node >/dev/null; then
	registry
	is "npm installs a package of a registry that wants a token" install
	is "... none without it" uninvited
	is "... and publishes one" publish
else
	echo "SKIP npm: it is not installed (tools/deps --install proxy)"
fi
quiet() { ! grep -qa "$secret\|terok-p-" "$dir/log" "$audit"; }
is "no secret and no token is in the log or the audit" quiet
finish
