#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_varlinkctl.sh - systemd's varlinkctl at a session's hub and its helper
#
# Of all implementations the one with the strictest parser of descriptions: the system's own if
# it has one, else what tests/hub/fetch brought.
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
here=$(readlink -f "$(dirname "$0")")
varlinkctl=$(command -v varlinkctl) || varlinkctl=$B/foreign/varlinkctl
[ -x "$varlinkctl" ] || varlinkctl=$B/../foreign/varlinkctl # of another flavour's build folder
[ -x "$varlinkctl" ] || { echo "SKIP: systemd here has no varlinkctl: tests/hub/fetch build/foreign"; exit 77; }
[ -x "$B/terok-clearance" ] || { echo "$B/terok-clearance is not there (make)"; exit 1; }
dir=$(mktemp -d) bad=0 pids=
# shellcheck disable=SC2086
trap '[ -z "$pids" ] || kill $pids 2>/dev/null; rm -rf "$dir"' EXIT
export XDG_RUNTIME_DIR=$dir
hub=unix:$dir/terok-clearance.sock helper=unix:$dir/terok-clearance-verdict.sock

is() { # is NAME CMD...
	local name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name"
		cat "$dir/said"
		bad=1
	fi
}
ctl() { timeout 10 "$varlinkctl" "$@" 2>&1; }

# begin COMMAND...: until it says its first line
begin() {
	local fd line
	exec {fd}< <(exec "$@" 2>&1)
	pids="$pids $!"
	read -r -t 10 -u "$fd" line || { echo "$1 does not begin"; exit 1; }
}
printf '#!/bin/sh\n[ "$*" = "allow c1 example.com" ]\n' >"$dir/shield"
chmod 0755 "$dir/shield"
begin "$B/terok-clearance" serve --history none
begin "$B/terok-clearance" serve-verdict --shield "$dir/shield"

has() { # TEXT CMD...: says such a line, and succeeds
	local text=$1 out
	shift
	out=$("$@") || { echo "$out"; return 1; }
	grep -qF -- "$text" <<<"$out" || { echo "$out"; return 1; }
}
refuses() { # ERROR PARAMETERS CMD...
	local error=$1 parameters=$2 out
	shift 2
	out=$(ctl -j "$@") && return 1
	grep -q "failed: $error\$" <<<"$out" && grep -qxF -- "$parameters" <<<"$out" || { echo "$out"; return 1; }
}
for name in org.terok.Clearance1 org.terok.Firewall1 org.varlink.service; do
	is "$name is named" has "$name" ctl info "$hub"
	is "$name is understood" has "interface $name" ctl introspect "$hub" $name
done
is "org.terok.ClearanceVerdict1 is understood" \
	has "interface org.terok.ClearanceVerdict1" ctl introspect "$helper" org.terok.ClearanceVerdict1
for file in "$here"/../../hub/*.varlink; do
	is "${file##*/} has no mistake" ctl validate-idl "$file"
done
methods() { has org.terok.Clearance1.Verdict ctl list-methods "$hub" && has org.terok.Firewall1.Monitor ctl list-methods "$hub"; }
is "methods are listed" methods

cite() { echo '{"container":"c1","request_id":"'"$1"'","dest":"'"$2"'","action":"'"$3"'"}'; }
verdict=org.terok.Clearance1.Verdict
is "who is no request is told so" refuses org.terok.Clearance1.UnknownRequest '{"request_id":"c1:1"}' \
	call "$hub" $verdict "$(cite c1:1 example.com allow)"
is "a missing parameter is named" refuses org.varlink.service.InvalidParameter '{"parameter":"request_id"}' \
	call "$hub" $verdict '{"container":"c"}'
is "a method that is not there is named" refuses org.varlink.service.MethodNotFound '{"method":"Nope"}' \
	call "$hub" org.terok.Clearance1.Nope '{}'

# a subscription has no reply of its own: it is asked until it is heard
mkfifo "$dir/heard"
timeout 30 "$varlinkctl" --more -j call "$hub" org.terok.Clearance1.Subscribe '{}' >"$dir/heard" 2>&1 &
pids="$pids $!"
exec 5<"$dir/heard"
says() {
	printf '{"type":"pending","container":"c1","id":"%s","dest":"198.51.100.1","port":443,"proto":6,"domain":"example.com"}\n' "$1" |
		timeout 10 nc -N -U "$dir/terok-shield-events.sock"
}
event() { # TYPE ID ACTION OK REST
	printf '{"event":{"type":"%s","container":"c1","request_id":"%s",%s,"action":"%s","ok":%s,"reason":"","dossier":{}}}' \
		"$1" "$2" "$5" "$3" "$4"
}
until_heard() {
	local i line
	for ((i = 100; i < 150; i++)); do
		says "c1:$i"
		read -r -t 0.2 -u 5 line && break
	done
	[ "${line#*connection_blocked}" != "$line" ]
}
hears() { # EVENT: among the next
	local i line
	for ((i = 0; i < 100; i++)); do
		read -r -t 10 -u 5 line || return 1
		[ "${line#$'\x1e'}" != "$1" ] || return 0 # a sequence of JSON texts, RFC 7464
		echo "$line"
	done
	return 1
}
flow='"dest":"198.51.100.1","port":443,"proto":6,"domain":"example.com"'
nothing='"dest":"","port":0,"proto":0,"domain":""'
is "a subscriber hears" until_heard
told() { says c1:1 && hears "$(event connection_blocked c1:1 "" false "$flow")"; }
is "every key of an event, as it was said" told
is "a mismatch says what was expected" refuses org.terok.Clearance1.VerdictTupleMismatch \
	'{"expected_container":"c1","expected_dest":"example.com","got_container":"c1","got_dest":"198.51.100.1"}' \
	call "$hub" $verdict "$(cite c1:1 198.51.100.1 allow)"
is "an answer that is none is refused" refuses org.terok.Clearance1.InvalidAction '{"action":"accept"}' \
	call "$hub" $verdict "$(cite c1:1 example.com accept)"
is "a shield that fails is told" refuses org.terok.Clearance1.ShieldCliFailed '{"action":"deny","stderr":""}' \
	call "$hub" $verdict "$(cite c1:1 example.com deny)"
is "and everybody hears of it" hears "$(event verdict_applied c1:1 deny false "$nothing")"
is "an answer is carried out" has '{"ok":true}' ctl -j call "$hub" $verdict "$(cite c1:1 example.com allow)"
is "and everybody hears of that" hears "$(event verdict_applied c1:1 allow true "$nothing")"
is "the helper can be asked as well" has '{"ok":true,"stderr":""}' ctl -j call "$helper" \
	org.terok.ClearanceVerdict1.Apply '{"container":"c1","dest":"example.com","action":"allow"}'
exit $bad
