#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_liar.sh - an upstream that lies: 502 or a reply that is seen to be cut, and nobody has another's
#
# The lies, and what may become of each, are liar.py's; each is told by TLS and without, and some to libcurl, which is
# content with a certificate that has no name but its subject's, as we are not.
set -u
dir='' port='' routes='' here='' server='' proxy=''
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
. "$(dirname "$0")/serve.bash"

begin
python3 "$here/liar.py" serve "$dir/up" 2>>"$dir/up/err" &
others=($!)
until_there "$dir/up/liar" && read -r bare sealed <"$dir/up/liar"
mkdir "$dir/subject" && cp "$dir/up/key.pem" "$dir/subject" && openssl x509 -req -in "$dir/up/csr.pem" -CA "$dir/up/ca.pem" -CAkey "$dir/up/ca.key" \
	-CAcreateserial -days 2 -out "$dir/subject/cert.pem" 2>/dev/null
python3 "$here/liar.py" serve "$dir/subject" 2>>"$dir/up/err" &
others+=($!)
until_there "$dir/subject/liar" && read -r _ curls <"$dir/subject/liar"
echo '{"bare": {"upstream": "http://localhost:'"$bare"'"}, "sealed": {"upstream": "https://localhost:'"$sealed"'"},
	"curls": {"upstream": "https://localhost:'"$curls"'"}}' >"$routes"
for p in bare sealed curls; do credential $p '{"type":"api_key","key":"real-secret-0123456789"}'; done
bare=$(token bare) sealed=$(token sealed) curls=$(token curls)
serve --log-level DEBUG

lie() {
	local before after
	kill -0 "$server" || return
	before=$(awk '/VmRSS/{print $2}' "/proc/$server/status")
	python3 "$here/liar.py" try "$1" "$port" "$bare" && python3 "$here/liar.py" try "$1" "$port" "$sealed" || return
	after=$(awk '/VmHWM/{print $2}' "/proc/$server/status")
	echo "$before KiB, then $after" && { grep -qa __asan_init "$proxy" || [ $((after - before)) -lt 16000 ]; }
}
is "a reply whose head is none is 502" lie heads
is "a reply of two lengths, or none that is a number, is 502 or cut" lie lengths
is "a reply of a length and a coding ends where its chunks do, or is 502" lie both
is "chunks that are none cut their reply" lie chunks
is "what an upstream says unasked is nobody's reply" lie surplus
behind() { python3 "$here/liar.py" behind "$port" "$bare" "$server" && python3 "$here/liar.py" behind "$port" "$sealed" "$server"; }
is "... also if it comes with the next request" behind
curls() { python3 "$here/liar.py" try surplus "$port" "$curls" && grep -q 'TLS: hostname mismatch' "$dir/log"; }
is "... nor where each request is libcurl's" curls
is "replies before the reply pass, are 502, and confuse nobody" lie interim
is "what has no end is cut, and costs no memory" lie endless
is "a reply that is cut, anywhere, does not look whole" lie cut
is "a reply to HEAD has no body, whatever it says" lie head
finish
