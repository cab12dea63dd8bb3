#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_podman5.sh - the next Debian's podman, runtimes and libraries in the machine of test_machine.sh
OVER=podman5 exec "$(dirname "$0")/run" "$(dirname "$0")/guest_podman5.sh"
