#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_grpc_js.sh - user/grpc with another stock gRPC (@grpc/grpc-js): it calls our server, and serves our client
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
here=$(readlink -f "$(dirname "$0")")
. "$here/js.bash"
prepare() { :; }
foreign=(node "$here/foreign.js")
raises="Unknown error"
. "$here/foreign.bash"
