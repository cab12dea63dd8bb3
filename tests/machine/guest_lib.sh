# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# guest_lib.sh - what differs in the machine from tests/podman/lib.sh, which comes before it
BPFD=/usr/local/sbin/terok-bpfd CLEARANCE=/usr/local/bin/terok-clearance
unset TEROK_PINS TEROK_STATE
TEROK_RUN=/run/terok
PODMAN=$(podman --version | sed 's/.* //')
NAME=machine

# as his own services are: in a unit of his systemd, which leaves him his conmon when it ends
as_dev() {
	systemd-run --user --machine=dev@.host --quiet --wait --pipe --collect -p KillMode=process "$@"
}
in_journal() { journalctl -q --no-pager -o cat -t terok-bpfd -t terok-hook | grep -q -- "$1"; }
none_failed() { [ -z "$(systemctl --failed --no-legend)" ]; }

# guest_begins: the agent serves, and root and a user have an image of what would reach a server
guest_begins() {
	if [ -x /usr/local/libexec/terok/terok-hook ]; then
		check "setup" "$BPFD" setup --root
	fi
	check "the service is begun" systemctl enable --now terok-bpfd.service
	check "and runs" systemctl is-active terok-bpfd
	start_server
	make_image
	podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
	as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
}
guest_ends() {
	check "the service is ended" systemctl disable --now terok-bpfd.service
	check "unload" "$BPFD" unload --force
	[ ! -e /sys/fs/bpf/terok/v1 ] || fail "pins are left: $(find /sys/fs/bpf/terok)"
	check "nothing failed" none_failed
}
