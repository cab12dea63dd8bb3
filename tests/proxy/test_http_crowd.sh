#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_crowd.sh - many clients that are slow or die, and upstreams that do: others are served, limits hold, nothing is left
#
# Limits are 3 s here, but where an upstream is killed. The clients are crowd.py's.
set -u
dir='' port='' plain='' tls='' routes='' here='' server='' proxy=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
mkdir "$dir/up2" && cp "$dir/up/cert.pem" "$dir/up/key.pem" "$dir/up2" && mkfifo "$dir/up2/go" "$dir/never"
exec 9<>"$dir/never"
mortal() { # an upstream to kill, and routes that lead there
	rm -f "$dir/up2/ports"
	python3 "$here/upstream.py" "$dir/up2" 2>>"$dir/up2/err" &
	second=$!
	others=("$second")
	until_there "$dir/up2/ports" && read -r plain2 tls2 <"$dir/up2/ports" &&
		echo '{"api": {"upstream": "https://localhost:'"$tls"'"}, "plain": {"upstream": "http://localhost:'"$plain"'"},
			"mortal": {"upstream": "https://localhost:'"$tls2"'"}, "mortals": {"upstream": "http://localhost:'"$plain2"'"}}' >"$routes.new" && mv "$routes.new" "$routes"
}
mortal
for p in api plain mortal mortals; do credential $p '{"type":"api_key","key":"real-secret-0123456789"}'; done
api=$(token api) bare=$(token plain) mortal=$(token mortal) mortals=$(token mortals)
ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -Hn)"
serve --head-time 3 --idle-time 3
fds() { ls "/proc/$server/fd" | wc -l; }
rss() { awk '/VmRSS/{print $2}' "/proc/$server/status"; }
sanitized() { grep -qa __asan_init "$proxy"; } # its memory is no measure
# left: no client has a connection any more, within 10 s
left() {
	local i
	for i in $(seq 500); do
		[ -n "$(ss -Htn state established state close-wait sport = ":$port")" ] || return 0
		sleep 0.02
	done
	ss -Htnp state established state close-wait sport = ":$port" | head
	return 1
}
served() { code 200 "$api" /echo -m 8 && code 200 "$api" /sum -d xyz -m 8 && code 200 "$bare" '/big?300000' -m 8; }
# crowd KIND N [LIMIT]: others are served meanwhile; they are ended within LIMIT s, and not at once (0: never, as they move)
crowd() {
	local kind=$1 n=$2 limit=${3:-25} r=0 i took
	served || return
	: >"$dir/crowd"
	python3 "$here/crowd.py" slow "$kind" "$port" "$bare" "$n" <"$dir/$([ "$limit" = 0 ] && echo until || echo never)" >"$dir/crowd" 2>&1 &
	local crowd=$!
	[ "$limit" != 0 ] || exec 8>"$dir/until"
	for ((i = 0; i < 1000; i++)); do grep -q ready "$dir/crowd" && break; sleep 0.01; done
	for i in 1 2 3; do served || r=1; done
	if [ "$limit" = 0 ]; then
		for i in $(seq 8); do served || r=1; sleep 0.5; done # longer than each limit
		exec 8>&-
		wait $crowd
		grep -q "^$n are left" "$dir/crowd" || r=1
	else
		wait $crowd
		took=$(tail -n 1 "$dir/crowd")
		awk -v took="$took" -v limit="$limit" 'BEGIN { exit !(took > 1.5 && took < limit) }' || r=1
	fi
	cat "$dir/crowd"
	return $r
}
mkfifo "$dir/until"
is "200 that say nothing are ended in time, and others are served" crowd nothing 200
is "... 200 whose head comes byte by byte" crowd heads 200
is "... 200 whose head stops" crowd heads-silent 200
is "... 200 whose body stops" crowd bodies-silent 200
is "... 200 that stop within a chunk" crowd chunks-silent 200
is "... 40 that do not read" crowd readers 40 40
is "... 200 whose upstream is silent" crowd events 200
is "200 whose body comes byte by byte are let, and others are served" crowd bodies 200 0
is "none of them is left" left
ended() {
	python3 "$here/crowd.py" ended "$port" "$bare" >"$dir/body" && cat "$dir/body" && grep -q '^websocket ended [2-9]\.' "$dir/body" && grep -q '^events ended [2-9]\.' "$dir/body"
}
is "a WebSocket and events that are silent are ended in time" ended
die() {
	local before after memory i
	python3 "$here/crowd.py" die "$port" "$api" 3 && python3 "$here/crowd.py" die "$port" "$bare" 3 && left && served && sleep 1 && before=$(fds) && memory=$(rss) || return
	for i in 1 2 3; do python3 "$here/crowd.py" die "$port" "$api" 3 && python3 "$here/crowd.py" die "$port" "$bare" 3 || return; done
	left && served && for i in $(seq 100); do after=$(fds) && [ "$after" -le $((before + 8)) ] && break; sleep 0.1; done
	echo "$before descriptors, then $after; $memory KiB, then $(rss)"
	[ "$after" -le $((before + 8)) ] && { sanitized || [ $(($(rss) - memory)) -lt 3000 ]; }
}
is "clients that die at each step, by an end or a reset, leave nothing" die
dead() { # TOKEN: 30 at each step when the upstream is killed
	local i r=0
	rm -f "$dir/until" && mkfifo "$dir/until" && : >"$dir/crowd"
	python3 "$here/crowd.py" open "$port" "$1" 30 <"$dir/until" >"$dir/crowd" 2>&1 &
	local crowd=$!
	exec 8>"$dir/until"
	for ((i = 0; i < 1000; i++)); do grep -q ready "$dir/crowd" && break; sleep 0.01; done
	kill -9 $second && wait $second 2>/dev/null
	served || r=1
	exec 8>&-
	wait $crowd || r=1
	cat "$dir/crowd"
	tail -n 1 "$dir/crowd" | grep -qx '1011:30 502:60 cut:60' || r=1
	left && code 502 "$1" /echo && mortal && for i in $(seq 100); do code 200 "$1" /echo >/dev/null && break; sleep 0.05; done
	code 200 "$1" /echo && [ $r = 0 ]
}
serve --head-time 3
is "an upstream that is killed with 150 open: 502, cut or 1011 for each, by TLS" dead "$mortal"
is "... and without" dead "$mortals"
is "it can be asked again when it is there again, and nobody is left" left
exec 9>&-
finish
