#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_grpc_foreign.sh - user/grpc with a stock gRPC (grpcio): it calls our server, and serves our client
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
here=$(readlink -f "$(dirname "$0")")
/usr/bin/python3 -c 'import grpc, grpc_tools' 2>/dev/null || { echo "SKIP: python3-grpcio is not installed (tools/deps --install test)"; exit 77; }
prepare() { # its stubs
	/usr/bin/python3 -m grpc_tools.protoc -I"$here/../../user/proto" --python_out=. --grpc_python_out=. agent.proto clawkerd.proto
}
foreign=(/usr/bin/python3 "$here/foreign.py")
raises="Exception calling application: on purpose"
. "$here/foreign.bash"
