#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_modes_table.sh - both runtimes, root's and a user's containers, every network: guarded, or not
# started with a reason; as MODES.md has it
#
# MODES_TO=FILE has the rows for that table as well (make modes-table).
. "$(dirname "$0")/lib.sh"
enter_lab
. "$HERE/modes.sh"

MODES_OUT=/run/rows
start_server
make_image
make_user
make_hooks
HOOKS=/run/hooks PARENT=(--cgroup-parent /user-61000/task)
podman import -q /run/image.tar localhost/bb:latest >/dev/null 2>&1
as_dev podman import -q /run/image.tar localhost/bb:latest >/run/out 2>&1 || fail "$(cat /run/out)"
start_agent
modes root cgroupfs
modes user cgroupfs

# on the host's network podman shows a user's container the host's /sys; of that these lead out
RUNTIME=$(runtime crun)
below_sys() {
	as_dev podman --hooks-dir $HOOKS --runtime "$RUNTIME" run --rm --network host "${PARENT[@]}" "$@" \
		localhost/bb:latest sh -c "busybox ls /sys/fs/bpf /sys/fs/cgroup | grep '[a-z]\\..*[a-z]'"
}
check "a user's container on the host's network sees the host's cgroups" below_sys
said cgroup.procs
refuse "not if it is guarded" below_sys --annotation terok.guard=up
stop_agent
check "unload" "$BPFD" unload --force
modes_compare $MODES_OUT
podman rm -f -t 0 -a >/dev/null
as_dev podman rm -f -t 0 -a >/dev/null
