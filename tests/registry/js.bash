# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# js.bash - @grpc/grpc-js where tests/registry/fetch has put it; without it the test is skipped, and says so
#
# Sourced, with B.
command -v node >/dev/null || { echo "SKIP: node is not installed (tools/deps --install proxy)"; exit 77; }
for folder in "$B" "$B/.."; do # flavours have a folder below
	export NODE_PATH=${NODE_PATH:+$NODE_PATH:}$folder/foreign/npm/node_modules
done
node -e 'require("@grpc/grpc-js"); require("@grpc/proto-loader")' 2>/dev/null || {
	echo "SKIP: @grpc/grpc-js is not there: tests/registry/fetch build/foreign/npm"
	exit 77
}
