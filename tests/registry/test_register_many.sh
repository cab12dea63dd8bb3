#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_register_many.sh - 100,000 calls of Register over 500 connections that are kept: new agents, the same again, replays
set -u
dir='' cp='' db='' log='' server='' agent_port='' bad=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"
. "$(dirname "$0")/load.bash"
agents=500 rss_more=1024 # KiB

kept() { awk '/^VmRSS:/ { print $2 }' "/proc/$server/status"; }
grown() { # grown KIB BEFORE AFTER
	[ $(($3 - $2)) -le "$1" ] || { echo "from $2 to $3 KiB"; return 1; }
}
rows_are() { # exactly those of the agents that called
	local is
	is=$(sqlite3 "$db" "SELECT thumbprint_hex, container_id, agent_name, project FROM agents ORDER BY 1" | sha256sum)
	same "$is" "$(sort "$dir/agents" | sha256sum)"
}
spent_are() { # spent_are N, each by a certificate of ours
	same "$(sqlite3 "$db" "SELECT count(*), count(DISTINCT jti), count(DISTINCT lower(hex(thumbprint))) FROM assertions_spent WHERE
		lower(hex(thumbprint)) IN (SELECT thumbprint_hex FROM agents) AND expires > unixepoch()")" "$1|$1|$agents"
}

"$cp" pki init >/dev/null
agents $agents
serve
is "500 agents have a connection each" same "$(say "connect $agent_port")" "connected $agents"
is "each registers" same "$(codes each own 1)" "OK=$agents"
is "and has its row" rows_are
is "with a new assertion for each of 10 calls it is welcome" same "$(codes each fresh 10)" "OK=5000"
before=$(kept)
is "the same again, 49 times" same "$(codes each own 49)" "OK=24500"
is "and 140 times, of which 14 have another's assertion and 14 another's name" same "$(codes each mixed 140)" \
	"OK=56000 PERMISSION_DENIED=7000 UNAUTHENTICATED=7000"
is "of all that the server has kept no memory" grown $rss_more "$before" "$(kept)"
is "rows are those of the 500 agents, and no other" rows_are
is "each assertion is noted once, for its own certificate" spent_are $((11 * agents))
is "no call was lost: what was written, and what was refused, is said" same \
	"$(grep -c 'event=agent_registered' "$log") $(grep -c 'event=agent_register_idempotent' "$log") $(grep -c 'event=agent_register_request_label_mismatch' "$log") $(grep -c 'event=auth_assertion_refused' "$log")" \
	"500 85500 7000 7000"
is "they leave" same "$(say leave)" left
stop KILL
is "killed, it has lost none" rows_are
serve
is "they come again" same "$(say "connect $agent_port")" "connected $agents"
is "and are welcome" same "$(codes each own 1)" "OK=$agents"
is "with the rows that they had" rows_are
stop
exit $bad
