#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_ssh.sh - the SSH agent with the programs that use one: ssh-add, ssh-keygen, ssh and git to a real sshd
# shellcheck disable=SC2154 # they are of agent.bash
. "$(dirname "$0")/agent.bash"

key ed ed25519 "tk-side:p:ed"
key rsa rsa "tk-side:p:rsa"
key ec ecdsa "tk-side:p:ec" -b 384
key main ed25519 "tk-main:p"
key other ed25519 "tk-main:q"
for name in ed rsa ec main; do p ssh add p "$dir/keys/$name" --in-place >/dev/null || exit 1; done
p ssh add q "$dir/keys/other" --in-place >/dev/null
agent --local
bridge p "$(token p t)"
bridge q "$(token q t)"

# --- identities and signatures ------------------------------------------------------------------
is "ssh-add lists the project's keys, the main one first" "$(listed p)" "tk-main:p tk-side:p:ed tk-side:p:rsa tk-side:p:ec"
is "... and another project's are its own" "$(listed q)" "tk-main:q"
for name in ed rsa ec main; do is "a text is signed with $name" "$(yes_no signs p $name)" yes; done
is "... and noted with what it was for" "$(last outcome project task purpose namespace key)" "signed p t text git $(print main)"
is "a key of another project is none here" "$(yes_no signs p other)" no
is "ssh-add may neither add, remove nor lock" \
	"$(with p ssh-add "$dir/keys/other" >/dev/null 2>&1; echo $?) $(with p ssh-add -D >/dev/null 2>&1; echo $?) $(listed p | wc -w)" "1 1 4"
bridge nobody terok-p-00000000000000000000000000000000
bridge http "$(token p t github)"
is "an unknown token sees nothing" "$(with nobody ssh-add -l 2>&1 >/dev/null | head -c 5; listed nobody)" "error"
is "... nor does one for something else" "$(listed http)" ""
bridge none "$(token without t)"
is "a project without keys is closed" "$(listed none)" ""
# what sorts them asks glibc 2.36 how much memory there is
python3 - "$dir/cred/credentials.db" <<-END
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=10)
	db.executemany("INSERT INTO proxy_tokens VALUES (?, 'many', 't', 'default', 'ssh')", [("terok-p-%032x" % i,) for i in range(1000)])
	db.commit()
END
is "... and a thousand tokens beside it are not too many" "$(listed q)" "tk-main:q"

# --- files that change --------------------------------------------------------------------------
key new ed25519 "tk-side:p:new"
p ssh add p "$dir/keys/new" --in-place >/dev/null
is "a key that is added is there at the next connection" "$(listed p)" "tk-main:p tk-side:p:ed tk-side:p:rsa tk-side:p:ec tk-side:p:new"
mv "$dir/keys/new" "$dir/keys/new.away"
is "one that goes is gone" "$(listed p)" "tk-main:p tk-side:p:ed tk-side:p:rsa tk-side:p:ec"
echo broken >"$dir/keys/rsa"
is "... a broken one hides no other" "$(listed p)" "tk-main:p tk-side:p:ed tk-side:p:ec"
rm "$dir/keys/rsa" "$dir/keys/rsa.pub"
key rsa rsa "tk-side:p:again"
is "another in its place is seen" "$(listed p) $(yes_no signs p rsa)" "tk-main:p tk-side:p:ed tk-side:p:again tk-side:p:ec yes"
mkdir "$dir/elsewhere" && mv "$dir/keys/new.away" "$dir/elsewhere/new" && cp "$dir/keys/new.pub" "$dir/elsewhere/"
p ssh add p "$dir/elsewhere/new" --in-place >/dev/null
has "a key in a folder that nobody had named is seen as well" "$(listed p)" "*tk-side:p:new"
chmod 644 "$dir/elsewhere/new"
is "one that others may read is not used" "$(listed p | grep -c new)" 0
chmod 600 "$dir/elsewhere/new"
kill "$(pgrep -f "^terok-signer run --store $dir/" | head -n 1)"
is "a signer that dies is begun again" "$(for _ in 1 2 3 4 5; do listed p | wc -w; done | sort -n | tail -n 1)" 5

# both of them, and none but those: one that begins a signer is called so for a moment
keepers() { pgrep -f "^terok-signer keep --store $dir/" | paste -sd' '; }
two_keepers() { until now=$(keepers) && [ "$(wc -w <<<"$now")" = 2 ] && [[ " $now " != *" $1 "* ]] || ((--tries == 0)); do read -rt 0.05 <> <(:) || :; done; }
tries=600
two_keepers none
first=${now%% *}
kill -9 "$first"
two_keepers "$first"
is "... and so is who begins signers, by another of its kind" "$((tries > 0)) $(for _ in 1 2 3 4 5; do listed p | wc -w; done | sort -n | tail -n 1)" "1 5"

# --- the store ----------------------------------------------------------------------------------
p ssh init s >"$dir/said"
head -n 1 "$dir/said" | cut -d' ' -f1 >"$dir/main"
tail -n 1 "$dir/said" >"$dir/public/stored.pub"
bridge s "$(token s t)"
is "a key that was made in the store signs" "$(listed s) $(yes_no signs s stored)" "tk-main:s yes"
# what PKCS#8 begins with is in no row
is "... and lies there sealed" "$(python3 - "$dir/cred/credentials.db" <<-'END'
	import sqlite3, sys
	rows = [row[0] for row in sqlite3.connect(sys.argv[1]).execute("SELECT private_der FROM ssh_keys")]
	print(len(rows), sum(b"\x06\x03\x2b\x65\x70" in bytes(row) for row in rows))
END
)" "1 0"
p ssh init s --type rsa --name side >/dev/null
p ssh init s >"$dir/said"
is "a second main key is not made" "$(head -n 1 "$dir/said" | cut -d' ' -f1)" "$(cat "$dir/main")"
is "... one beside it is" "$(listed s)" "tk-main:s tk-side:s:side"
p ssh init s --force >/dev/null
is "one that is replaced is another" "$(listed s | wc -w) $(yes_no signs s stored)" "2 no"
for type in ed25519 rsa; do
	ssh-keygen -q -t $type -N "a secret" -C "locked-$type" -f "$dir/keys/locked-$type" && cp "$dir/keys/locked-$type.pub" "$dir/public"
	echo "a secret" >"$dir/passphrase"
	p ssh add s "$dir/keys/locked-$type" --key-passphrase-file "$dir/passphrase" >"$dir/said" 2>&1
	is "a $type key with a passphrase is taken in, and signs" "$(yes_no signs s locked-$type)" yes
done
echo wrong >"$dir/passphrase"
has "... a wrong passphrase is said" "$(p ssh add s "$dir/keys/locked-rsa" --key-passphrase-file "$dir/passphrase" 2>&1)" "*passphrase is not that key's*"
p ssh remove s locked-rsa
is "one that is removed is gone" "$(listed s)" "tk-main:s tk-side:s:side locked-ed25519"

agent_end
mv "$dir/cred-key/store.key" "$dir/away"
agent --local
is "while the store is locked its keys are not there" "$(listed s) $(listed q)" " tk-main:q"
mv "$dir/away" "$dir/cred-key/store.key"
is "... and when it is not, they are, at once" "$(listed s)" "tk-main:s tk-side:s:side locked-ed25519"

agent_end
echo "for a service" >"$dir/passphrase" && chmod 600 "$dir/passphrase"
p store rotate --new-passphrase-file "$dir/passphrase" >/dev/null
agent --local
is "a store with a passphrase is locked" "$(listed s)" ""
agent_end
agent --local --passphrase-file "$dir/passphrase"
is "... and not for who has it in a file" "$(listed s)" "tk-main:s tk-side:s:side locked-ed25519"
agent_end
p store rotate --passphrase-file "$dir/passphrase" --new-key >/dev/null
agent --local
is "... nor when it has a key again" "$(listed s)" "tk-main:s tk-side:s:side locked-ed25519"

# --- limits -------------------------------------------------------------------------------------
p ssh add l "$dir/keys/ed" --per-minute 2 >/dev/null
p ssh add l "$dir/keys/ec" --total 2 >/dev/null
p ssh add l "$dir/keys/main" --namespace git >/dev/null
bridge l "$(token l t)"
is "two in a minute are two" "$(for _ in 1 2 3; do yes_no signs l ed; done | paste -sd' ')" "yes yes no"
is "... the third is noted" "$(last outcome why)" "refused it signs 2 times in a minute, and did"
is "two for ever are two" "$(for _ in 1 2 3; do yes_no signs l ec; done | paste -sd' ')" "yes yes no"
agent_end
agent --local
is "... for the next agent as well" "$(yes_no signs l ec)" no
is "a key for git's texts signs no other" "$(yes_no signs l main git) $(yes_no signs l main file)" "yes no"

# --- what is noted of refusals ------------------------------------------------------------------
# refused N TOKEN: ask for so many signatures with a key that is nobody's
refused() {
	python3 - "$port" "$@" <<-'END'
		import socket, struct, sys
		port, n, token = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
		put = lambda b: struct.pack(">I", len(b)) + b
		s = socket.create_connection(("127.0.0.1", port), 20)
		s.sendall(put(token))
		ask = put(bytes([13]) + put(b"no key") + put(b"data") + struct.pack(">I", 0))
		f = s.makefile("rb")
		for _ in range(n):
		    s.sendall(ask)
		    assert f.read(5) == b"\0\0\0\1\5"
	END
}
lines() { grep -cE "\"task\": ?\"$1\".*\"outcome\": ?\"$2\"" "$3"; }
left() { until grep -q left_out "$1" 2>/dev/null || ((--tries == 0)); do read -rt 0.1 <> <(:) || :; done; last left_out task outcome; }
tries=300
refused 200 "$(token l flood)"
# sixty, and one that has come back if this machine is slow
noted=$(lines flood refused "$audit")
is "of 200 that are refused sixty are noted" "$((noted >= 60 && noted <= 63))" 1
is "... and signatures of the same project as before" "$(yes_no signs l main git) $(last outcome task)" "yes signed t"
is "... and others' refusals" "$(yes_no signs l main file) $(last outcome task)" "no refused t"
is "... those that are not have a line with their number" "$(left "$audit")" "$((200 - noted)) flood refused"
cp "$audit" "$dir/noted" && truncate -s 8M "$audit"
refused 1 "$(token l late)"
is "when half of the file is full what is refused is in another" "$(lines late refused "$audit") $(lines late refused "$audit.refused")" "0 1"
is "... and a signature where it was" "$(yes_no signs l main git) $(tail -n 1 "$audit" | tr -d '\0' | grep -c signed)" "yes 1"
mv "$dir/noted" "$audit" && rm "$audit.refused"

# --- on the host --------------------------------------------------------------------------------
until [ -S "$dir/run/ssh-agent-local-p.sock" ]; do read -rt 0.05 <> <(:) || :; done
ln -s "$dir/run/ssh-agent-local-p.sock" "$dir/host"
is "the host has a socket for the project, its user's alone" "$(listed host | cut -d' ' -f1) $(stat -Lc %a "$dir/host")" "tk-main:p 600"

# --- secrets ------------------------------------------------------------------------------------
signer=$(pgrep -f "^terok-signer run --store $dir/" | head -n 1)
sanitized() { nm -D "$proxy" | grep -q __asan_init; } # base/confine.h: its run time has to look
! sanitized || echo "SKIP what signer and front give up: a sanitizer's build is not confined, and maps all of memory"
sanitized || is "the signer has no network, no core dump and no file but its own" \
	"$(grep -c Seccomp:.2 "/proc/$signer/status") $(awk '/^CapEff/ { print $2 }' "/proc/$signer/status") $(find "/proc/$signer/fd" -lname 'socket:*' | wc -l)" \
	"1 0000000000000000 1"
sanitized || is "... and its front no capability and few calls" \
	"$(grep -c Seccomp:.2 "/proc/$agent_pid/status") $(awk '/^CapEff/ { print $2 }' "/proc/$agent_pid/status")" "1 0000000000000000"
is "no token is in a log, an audit line or a command line" "$(cat "$dir/log" "$audit" /proc/"$signer"/cmdline /proc/$agent_pid/cmdline | tr '\0' ' ' | grep -cE 'terok-p-[0-9a-f]{9}')" 0

# holds PID KEY: are the 32 bytes that an Ed25519 key is made of in its memory? As root, or not at all
holds() {
	python3 - "$@" <<-'END'
		import base64, sys
		pid, path = sys.argv[1:]
		body = base64.b64decode("".join(line for line in open(path) if not line.startswith("-")))
		at = body.rindex(b"\0\0\0\x40") + 4
		seed, found = body[at:at + 32], 0
		with open(f"/proc/{pid}/mem", "rb", 0) as memory:
		    for line in open(f"/proc/{pid}/maps"):
		        if line.split()[1][0] != "r" or "[v" in line:
		            continue
		        begin, end = (int(x, 16) for x in line.split()[0].split("-"))
		        try:
		            memory.seek(begin)
		            found += memory.read(end - begin).count(seed)
		        except OSError:
		            pass
		print("yes" if found else "no")
	END
}
if [ "$(id -u)" = 0 ] && ! sanitized; then
	signs q other || bad=1
	is "a key is in the signer's memory, and not in its front's" "$(holds "$signer" "$dir/keys/other") $(holds "$agent_pid" "$dir/keys/other")" "yes no"
elif ! sanitized; then
	echo "SKIP a key is in the signer's memory, and not in its front's: not root"
fi

# --- a real server ------------------------------------------------------------------------------
server=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || { echo "SKIP a real server: sshd is not installed (tools/deps --install gate)"; finish; }
user=$(id -un)
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
for name in host host2; do ssh-keygen -q -t ed25519 -N '' -f "$dir/$name.key"; done
cat "$dir"/public/{ed,rsa,ec,main}.pub >"$dir/authorized"
begin_server() { # NAME: on $ssh_port
	cat >"$dir/$1.conf" <<-END
		ListenAddress 127.0.0.1
		Port $ssh_port
		HostKey $dir/$1.key
		PidFile none
		AuthorizedKeysFile $dir/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
	END
	: >"$dir/$1.log"
	"$server" -D -e -f "$dir/$1.conf" 2>>"$dir/$1.log" &
	begun+=($!)
	until grep -q 'Server listening' "$dir/$1.log"; do kill -0 $! 2>/dev/null || return 1; read -rt 0.02 <> <(:) || :; done
}
for ((try = 0; try < 20; try++)); do
	ssh_port=$((20000 + (RANDOM + $$ + try) % 20000))
	begin_server host && break
done
grep -q 'Server listening' "$dir/host.log" || { echo "SKIP a real server: it does not begin: $(head -1 "$dir/host.log")"; finish; }
first_port=$ssh_port
for ((try = 0; try < 20; try++)); do
	ssh_port=$((20000 + (RANDOM + $$ + try) % 20000))
	begin_server host2 && break
done
second_port=$ssh_port
go() { # go BRIDGE PORT [KEY]: ssh, with one key or all
	local only=()
	[ $# -lt 3 ] || only=(-o IdentitiesOnly=yes -i "$dir/public/$3.pub")
	with "$1" ssh -F none -n -p "$2" -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$dir/known" "${only[@]}" \
		"$user@127.0.0.1" echo in 2>"$dir/said"
}
for name in ed rsa ec; do is "ssh logs in with $name" "$(go p $first_port $name)" in; done
is "... which is noted with the host's proof" "$(last outcome purpose user host_proved host_key)" \
	"signed login $user True $(ssh-keygen -lf "$dir/host.key.pub" | cut -d' ' -f2)"
git init -q --bare "$dir/far.git"
git init -q "$dir/near" && git -C "$dir/near" -c user.name=a -c user.email=a@b commit -q --allow-empty -m one
# shellcheck disable=SC2016
is "git pushes and clones over ssh" "$(with p env GIT_SSH_COMMAND="ssh -F none -o BatchMode=yes -o UserKnownHostsFile=$dir/known" \
	bash -c 'git -C "$1/near" push -q "ssh://$2@127.0.0.1:$3$1/far.git" HEAD:refs/heads/main && git clone -q -b main "ssh://$2@127.0.0.1:$3$1/far.git" "$1/again" && git -C "$1/again" log --format=%s' \
	git "$dir" "$user" $first_port 2>&1)" one
mkdir -m 0700 "$dir/mirrors"
is "terok-gate fetches a mirror by it, and has no key" "$("$B/terok-gate" sync p --base-path "$dir/mirrors" --upstream "ssh://$user@127.0.0.1:$first_port$dir/far.git" \
	--ssh-agent "$dir/run/ssh-agent-local-p.sock" >"$dir/synced" 2>&1; cat "$dir/synced" >&2; git -C "$dir/mirrors/p.git" log --format=%s main)" one
is "... as is noted" "$(last outcome purpose user)" "signed login $user"
git -C "$dir/near" config gpg.format ssh
git -C "$dir/near" config user.signingkey "$dir/public/main.pub"
is "git signs a commit" "$(with p git -C "$dir/near" -c user.name=a -c user.email=a@b commit -q -S --allow-empty -m two 2>&1; git -C "$dir/near" cat-file commit HEAD | grep -c 'BEGIN SSH SIGNATURE')" 1

go p $second_port ed >/dev/null # it is known from now
p ssh add d "$dir/keys/ed" --to "$user@[127.0.0.1]:$first_port" --known-hosts "$dir/known" >/dev/null || bad=1
p ssh add d "$dir/keys/ec" --to "nobody-$user@[127.0.0.1]:$first_port" --known-hosts "$dir/known" >/dev/null
bridge d "$(token d t)"
is "a key with a destination logs in there" "$(go d $first_port ed)" in
is "... by name in what is noted" "$(last outcome user host)" "signed $user [127.0.0.1]:$first_port"
is "... nowhere else" "$(go d $second_port ed)" ""
is "... and as nobody else" "$(go d $first_port ec)" ""
is "... nor does it sign texts" "$(yes_no signs d ed)" no
finish
