#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_systemd_needs.sh - what the agent's unit may do it needs: taken away one by one (systemd_needs)
ONLY=systemd_needs exec "$(dirname "$0")/test_systemd.sh"
