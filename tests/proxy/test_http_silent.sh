#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_silent.sh - a WebSocket and events that are silent for longer than the pool keeps a connection go on
#
# The pool's is 30 s, and no part of the proxy may count these among those that nobody uses: 35 s, which are waited for.
set -u
dir='' port='' plain='' tls='' routes='' here=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
echo '{"api": {"upstream": "https://localhost:'"$tls"'"}}' >"$routes"
credential api '{"type":"api_key","key":"real-secret-0123456789"}'
api=$(token api)
serve
is "a WebSocket and events that are silent for 35 s go on" python3 "$here/crowd.py" silent "$port" "$api" 35 "$dir/up/go"
finish
