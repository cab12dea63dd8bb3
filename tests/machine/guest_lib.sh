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
