#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_clock.sh - Register when clocks disagree, and when the control plane's jumps under connections that are kept
#
# Its clock is a file's (peer/skewed.c); who is issued a bundle by a clock that is ahead or behind is
# a peer of such a machine. A connection is kept by register_load, which ends when that does.
set -u
dir='' cp='' db='' log='' here='' server='' agent_port='' admin_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
skewed=$B/tests/registry/peer/skewed
[ -x "$skewed" ] || { echo "$skewed is not there (make test)"; exit 1; }
clock=$dir/clock
ours() { echo "$1" >"$clock"; }
issue_at() { # issue_at SECONDS FOLDER: by a clock so far ahead of the true one
	echo "$1" >"$dir/theirs"
	TEROK_TEST_CLOCK=$dir/theirs "$skewed" pki issue dev --container aa --project proj --out "$dir/$2" >/dev/null
}
of() { # of SECONDS: an agent of a machine whose clock is so far ahead says that it is there
	issue_at "$1" "at$1"
	sqlite3 "$db" "PRAGMA busy_timeout=5000; DELETE FROM agents" >/dev/null # the certificate is another each time
	register "$dir/at$1" dev proj
}
inactive="UNAUTHENTICATED token inactive"
day=86400

# --- the peer's clock
"$cp" pki init >/dev/null
serve
is "a clock that agrees" same "$(of 0)" "OK 0"
is "ahead by less than a minute" same "$(of 45)" "OK 0"
is "ahead by more: its assertion is of the future" same "$(of 90)" "$inactive"
is "it is said so" grep -q 'event=auth_assertion_refused.*from now' "$log"
is "ahead by more than five minutes: nor is its certificate valid" same "$(of 400 | cut -d' ' -f1)" UNAVAILABLE
is "it is said so" grep -q 'event=connection_refused.*certificate is not yet valid' "$log"
is "nobody of those is registered" same "$(rows)" 0
is "behind by an hour" same "$(of -3600)" "OK 0"
is "behind by most of a day" same "$(of -$((day - 900)))" "OK 0"
is "behind by a day: all that it has is over" same "$(of -$((day + 5)) | cut -d' ' -f1)" UNAVAILABLE
is "it is said so" grep -q 'event=connection_refused.*certificate has expired' "$log"
stop

# --- ours jumps, and connections stay
. "$(dirname "$0")/load.bash"
cp=$skewed
export TEROK_TEST_CLOCK=$clock
call() { codes each own 1; }
seen() { sqlite3 "$db" "SELECT last_seen FROM agents"; }
ours 0
agents 1
serve
is "an agent has a connection" same "$(say "connect $agent_port")" "connected 1"
is "and registers" same "$(call)" OK=1
ours 7200
is "two hours later its assertion, which was for one, is over, though it was proven" same "$(call)" UNAUTHENTICATED=1
is "it is said so" grep -q 'event=auth_assertion_refused.*its time was over' "$log"
ours $((day + 60))
is "a day later its certificate is over, and the connection stays" same "$(call)" UNAUTHENTICATED=1
is "it is said so" grep -q 'event=auth_certificate_expired' "$log"
ours 0
is "the clock is set right: the same connection is welcome" same "$(call)" OK=1
before=$(seen)
ours -45
is "set back by less than a minute" same "$(call)" OK=1
is "which is no earlier a time at which it was seen" same "$(seen)" "$before"
ours -120
is "by more: the assertion is of the future, though it was proven" same "$(call)" UNAUTHENTICATED=1
ours -400
is "by more than five minutes: the certificate is" same "$(call)" UNAUTHENTICATED=1
is "it is said so" grep -q 'event=auth_certificate_not_yet_valid' "$log"
ours 0
is "and right again" same "$(call)" OK=1
ours 1800
is "half an hour later it is seen" same "$(call)" OK=1
for ((i = 0; i < 500 && $(seen) == before; i++)); do sleep 0.02; done
is "and that is noted, some seconds later" same "$(($(seen) - before >= 1790))" 1
ours 0
is "people's program has no more than that either" same "$("$cp" pki assert >"$dir/token" && client list "$dir/c/pki" $admin_port "$dir/token" | cut -d' ' -f1)" a0
is "its row is the one" same "$(rows)" 1

# --- what else is not what it was, under a connection that stays
"$cp" pki rotate assertion >/dev/null
hup() { # it has read its keys again
	local n
	n=$(grep -c 'read again' "$log")
	kill -HUP "$server"
	for ((i = 0; i < 500 && $(grep -c 'read again' "$log") == n; i++)); do sleep 0.02; done
}
hup
is "another key signs, and the one before is believed" same "$(call)" OK=1
"$cp" pki rotate assertion >/dev/null
is "until it is read that there is another" same "$(call)" OK=1
hup
is "the one before that is not, proven or not" same "$(call)" UNAUTHENTICATED=1
is "it is said so" grep -q 'event=auth_assertion_refused.*no key of ours' "$log"
agents_end
stop
agents 2
serve
is "agents with other certificates, of new keys" same "$(say "connect $agent_port")" "connected 2"
sqlite3 "$db" "PRAGMA busy_timeout=5000; DELETE FROM agents" >/dev/null
is "register" same "$(codes each own 1)" OK=2
gone=$(sed -n 2p "$dir/ids")
# the same container with a certificate of which we have the key, whose message is late
sqlite3 "$db" "PRAGMA busy_timeout=5000; DELETE FROM agents WHERE container_id = '$gone'" >/dev/null
issue late "$gone" a1 load
coproc late { exec timeout 120 /usr/bin/python3 "$here/cp_late.py" "$dir/late" $agent_port 127.1.0.2 a1 load; }
# shellcheck disable=SC2154 # the coproc's
others+=("$late_PID")
exec 5<&"${late[0]}" 6>&"${late[1]}"
read -r -t 60 said <&5
is "an agent has begun to call" same "$said" open
sed -i 2d "$dir/ids"
jq -c '.[:1]' "$dir/inspect.json" >"$dir/one" && mv "$dir/one" "$dir/inspect.json"
is "a container that is removed" removed "$gone"
for ((i = 0; i < 500 && $(rows) != 1; i++)); do sleep 0.02; done
is "loses its row" same "$(rows)" 1
is "and who still has its connection does not get it back" same "$(codes each own 2)" "OK=2 PERMISSION_DENIED=2"
is "of which one event tells" logged agent_identity_peer_lookup_no_match
echo go >&6
read -r -t 60 said <&5
is "nor does who had begun to call before" same "$said" ended
is "of which another tells" logged agent_register_no_resolved_container
is "there is no row of it" same "$(sqlite3 "$db" "SELECT count(*) FROM agents WHERE container_id = '$gone'")" 0
"$cp" pki rotate ca >/dev/null
hup
is "another root: connections that the one before let in are no more" grep -q '^register_load: a[01]: ' <(for ((i = 0; i < 500; i++)); do [ ! -s "$dir/load.err" ] || break; sleep 0.02; done; cat "$dir/load.err")
others=()
stop
exit $bad
