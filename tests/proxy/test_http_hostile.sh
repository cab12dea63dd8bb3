#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_hostile.sh - requests that are none, or could be read in two ways: nobody runs them, nor what is behind them
#
# The corpus is hostile.py's. The upstream is one without TLS, which shows every byte.
set -u
dir='' port='' plain='' routes='' here=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
echo '{"api": {"upstream": "http://localhost:'"$plain"'"}}' >"$routes"
credential api '{"type":"api_key","key":"real-secret-0123456789"}'
api=$(token api)
serve --log-level DEBUG

hostile() { python3 "$here/hostile.py" "$1" "$port" "$api" "$dir/up"; }
is "a length that is no number, or two, is no request" hostile lengths
is "a coding that is not chunked, alone, is no request" hostile codings
is "a length and a coding are one too many" hostile both
is "lines that are folded, bare, or hold what none may are no request" hostile lines
is "a first line that is none, of another version or for another host is no request" hostile first
is "what is too big is refused, and nothing behind it is run" hostile big
is "chunks that are none end their request, and what is behind them is not run" hostile chunks
is "what ends before its end is no request, wherever that is" hostile cut
finish
