#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_machine.sh - the build installed in a machine with systemd as the first process
exec "$(dirname "$0")/run" "$(dirname "$0")/guest.sh"
