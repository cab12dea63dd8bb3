#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# modes.sh - tests/podman/modes.sh in the machine, where systemd makes the cgroups; for
# `tests/podman/modes_table all`, which takes the lines that begin with "row"
. /machine/tests/podman/lib.sh
. /machine/tests/machine/guest_lib.sh
. /machine/tests/podman/modes.sh
runtime() { command -v "$1"; }

MODES_OUT=/run/rows MODES_BARE=
# shellcheck disable=SC2034 # of modes.sh
HOOKS=/etc/containers/oci/hooks.d PARENT=()
check "setup" "$BPFD" setup --root
check "the service is begun" systemctl enable --now terok-bpfd.service
start_server
make_image
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
modes root systemd
modes user systemd
sed 's/^/row /' $MODES_OUT
