#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_mirror_ssh.sh - an upstream by SSH: with the project's key or agent, and with nobody else's
#
# What ssh is told is looked at with a program in its place; then a real server, of our own on a
# free port of the loopback, lets in whom it should, if there is one here.
# shellcheck disable=SC2154 # they are of mirror.sh
. "$(dirname "$0")/mirror.sh"

for need in ssh ssh-keygen ssh-agent ssh-add; do
	command -v $need >/dev/null || skip "$need is not installed (tools/deps --install gate)"
done
new_up
keys=$dir/state/ssh-keys/p key=$dir/state/ssh-keys/p/id_ed25519_p
mkdir -p "$keys" "$HOME/.ssh"
chmod 700 "$keys" "$HOME/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_ed25519" # the user's own, which nobody asked for
ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
errors() { json '[.success, .errors[0]]' "$@"; }

# --- which key ------------------------------------------------------------------------------------

# a program in ssh's place that notes what it is told, and the environment
mkdir "$dir/fake"
cat >"$dir/fake/ssh" <<END
#!/bin/bash
printf '%s\n' "\$@" >"$dir/told"
env >"$dir/env"
exit 255
END
chmod +x "$dir/fake/ssh"
fake() { PATH=$dir/fake:$PATH SSH_AUTH_SOCK=$dir/own-agent GIT_SSH_COMMAND="touch $dir/ran" "$@"; }
rm -f "$dir/told"
has "without a key nothing is tried" "$(fake errors --upstream git@127.0.0.1:x/y.git)" '[[]false,"GateAuthNotConfigured: no key for p*--ssh-key*'
has "... nor for ssh://" "$(fake errors --upstream ssh://git@127.0.0.1/x)" '[[]false,"GateAuthNotConfigured: *'
is "... and ssh was not begun" "$(ls "$dir/told" "$dir/ran" 2>/dev/null)" ""
cp "$dir/key" "$key"
fake errors --upstream git@127.0.0.1:x/y.git >/dev/null
is "the project's key is named, the user's settings are not read" "$(grep -c -e "^IdentityFile=\"$key\"$" -e '^IdentitiesOnly=yes$' -e '^IdentityAgent=none$' -e '^BatchMode=yes$' -e '^/dev/null$' -e '^StrictHostKeyChecking=accept-new$' "$dir/told")" 6
is "... nor their agent used" "$(grep '^SSH_AUTH_SOCK' "$dir/env"; ls "$dir/ran" 2>/dev/null)" "SSH_AUTH_SOCK="
is "hosts are remembered beside the mirrors" "$(grep -c "^UserKnownHostsFile=\"$base/.known_hosts\"$" "$dir/told") $(stat -c %a "$base/.known_hosts")" "1 600"
is "nothing else of the environment is git's" "$(cut -d= -f1 "$dir/env" | grep -vE '^(PATH|HOME|LC_ALL|PWD|SHLVL|_|OLDPWD|SSH_AUTH_SOCK|GIT_[A-Z_0-9]*|SSL_CERT_(FILE|DIR)|TMPDIR|(all|no|https?)_proxy|(ALL|NO|HTTPS)_PROXY)$')" ""
is "... and its home is empty" "$(sed -n 's/^HOME=//p' "$dir/env"; ls -A "$base/.home")" "$base/.home"
mkdir -p "$dir/odd place/100%"
cp "$dir/key" "$dir/odd place/100%/key"
fake errors --upstream git@127.0.0.1:x/y.git --ssh-key "$dir/odd place/100%/key" >/dev/null
is "a path with spaces and % arrives" "$(grep -c "^IdentityFile=\"$dir/odd place/100%%/key\"$" "$dir/told")" 1
cp "$dir/key" "$dir/a'b"
has "one with a quote is refused" "$(fake errors --upstream git@127.0.0.1:x/y.git --ssh-key "$dir/a'b")" '*cannot be given to ssh*'
has "an agent that is not there is no agent" "$(touch "$dir/no-agent"; fake errors --upstream git@127.0.0.1:x/y.git --ssh-agent "$dir/no-agent")" \
	'[[]false,"GateAuthNotConfigured: *is no socket*'
eval "$(ssh-agent -a "$dir/agent")" >/dev/null
agent_pid=$SSH_AGENT_PID
trap 'kill $agent_pid $server_pid 2>/dev/null; rm -rf "$dir"' EXIT
server_pid=
unset SSH_AUTH_SOCK SSH_AGENT_PID
fake errors --upstream git@127.0.0.1:x/y.git --ssh-agent "$dir/agent" >/dev/null
is "the agent is named, and no key" "$(grep -c -e "^IdentityAgent=\"$dir/agent\"$" -e '^IdentityFile=none$' "$dir/told") $(grep '^SSH_AUTH_SOCK' "$dir/env")" \
	"2 SSH_AUTH_SOCK=$dir/agent"
sync >/dev/null # an empty mirror, which remembers what it is told
rm -f "$dir/ran"
fake errors --upstream git@127.0.0.1:x/y.git --use-personal-ssh >/dev/null
is "the user's own is used when they say so" "$([ -e "$dir/ran" ] && echo used)" used

rm -f "$dir/ran"
fake errors >/dev/null
is "... and at the next sync" "$([ -e "$dir/ran" ] && echo used)" used
rm -f "$dir/ran" "$dir/told"
fake errors --ssh-key "" >/dev/null
is "... until they name a key again, or the project's place" "$([ -e "$dir/ran" ] || grep -c "^IdentityFile=\"$key\"$" "$dir/told")" 1

# --- a real one ------------------------------------------------------------------------------------

server=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || { echo "SKIP a real server: sshd is not installed (tools/deps --install gate)"; exit $bad; }
user=$(id -un)
case $(getent passwd "$user" | cut -d: -f7) in
*/nologin | */false) echo "SKIP a real server: $user has no shell"; exit $bad ;;
esac
if [ "$(id -u)" = 0 ] && ! getent passwd sshd >/dev/null; then
	echo "SKIP a real server: there is no user sshd"
	exit $bad
fi
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
cp "$dir/key.pub" "$dir/authorized"
begin_server() { # on $port
	cat >"$dir/sshd_config" <<END
ListenAddress 127.0.0.1
Port $port
HostKey $dir/host
PidFile none
AuthorizedKeysFile $dir/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
END
	"$server" -D -e -f "$dir/sshd_config" 2>"$dir/sshd.log" &
	server_pid=$!
	until grep -q 'Server listening' "$dir/sshd.log"; do kill -0 $server_pid 2>/dev/null || return 1; sleep 0.02; done
}
for ((try = 0; try < 20; try++)); do # a port that is free
	port=$((20000 + (RANDOM + $$ + try) % 20000))
	begin_server && break
done
kill -0 $server_pid 2>/dev/null || { echo "SKIP a real server: it does not begin: $(head -1 "$dir/sshd.log")"; exit $bad; }
url=ssh://$user@127.0.0.1:$port$up

rm -rf "$base"
is "with the project's key it is cloned" "$(errors --upstream "$url"; tip "$mirror" main)" "$(printf '[true,null]\n%s' "$(tip "$up" main)")"
commit "$up" three
is "... and synced, without being told again" "$(json '[.success, .applied[0].branch]')" '[true,"main"]'
is "... and its host is known" "$(grep -c "^\[127.0.0.1\]:$port " "$base/.known_hosts")" 1
cp "$HOME/.ssh/id_ed25519" "$key"
has "a key that is not let in is an error" "$(errors)" '[[]false,"git ls-remote: *Permission denied*'
cp "$dir/key" "$key"
is "... the right one is let in again" "$(errors)" '[true,null]'
mv "$key" "$key.away"
cp "$HOME/.ssh/id_ed25519.pub" "$dir/authorized"
has "without a key the user's own is not tried, though it would be let in" "$(errors)" '[[]false,"GateAuthNotConfigured: *'
cp "$dir/key.pub" "$dir/authorized"
SSH_AUTH_SOCK=$dir/agent ssh-add -q "$dir/key" 2>/dev/null
is "an agent that has the key will do" "$(errors --ssh-agent "$dir/agent")" '[true,null]'
SSH_AUTH_SOCK=$dir/agent ssh-add -q -D 2>/dev/null
has "... one without it will not" "$(errors)" '[[]false,"git ls-remote: *Permission denied*'
mv "$key.away" "$key"
is "a key is named instead of the agent" "$(errors --ssh-key "$key")" '[true,null]'
kill $server_pid
wait $server_pid 2>/dev/null
rm "$dir/host" "$dir/host.pub"
ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
begin_server || not_ok "the server does not begin again" "$(cat "$dir/sshd.log")"
has "a host whose key changed is refused" "$(errors)" '[[]false,"git ls-remote: *'
is "... and the mirror stays" "$(tip "$mirror" main)" "$(tip "$up" main)"
exit $bad
