#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ssh.sh BUILD FOLDER - a key in OpenSSH's own agent and in ours, until standard input ends
#
# The sockets are FOLDER/openssh and FOLDER/ours; what is printed is the token that ours wants, then the
# key's line for each type: ed25519, rsa, ecdsa.
set -u
build=$1 folder=$2
for need in ssh-agent ssh-add ssh-keygen; do
	command -v $need >/dev/null || { echo "$need is not installed (tools/deps --install gate)" >&2; exit 77; }
done
export HOME=$folder TEROK_CREDENTIALS_DIR=$folder/credentials TEROK_SANDBOX_STATE_DIR=$folder/state TEROK_SANDBOX_RUNTIME_DIR=$folder/run
mkdir -m 0700 "$TEROK_CREDENTIALS_DIR"
ssh-agent -D -a "$folder/openssh" >/dev/null &
openssh=$!
ours=
trap 'kill $openssh $ours 2>/dev/null' EXIT
until [ -S "$folder/openssh" ]; do read -rt 0.01 <> <(:) || :; done
for type in ed25519 rsa ecdsa; do
	ssh-keygen -q -t $type -N '' -C $type -f "$folder/$type"
	SSH_AUTH_SOCK=$folder/openssh ssh-add -q "$folder/$type" 2>/dev/null || exit 1
	"$build/terok-proxy" ssh add p "$folder/$type" >/dev/null || exit 1
done
: >"$folder/log"
"$build/terok-proxy" ssh agent --port 0 --socket-path "$folder/ours" 2>"$folder/log" &
ours=$!
until grep -q 'serves ' "$folder/log"; do
	kill -0 $ours || { cat "$folder/log" >&2; exit 1; }
	read -rt 0.01 <> <(:) || :
done
"$build/terok-proxy" token create p t ssh
cut -d' ' -f2 "$folder"/{ed25519,rsa,ecdsa}.pub
cat >/dev/null
