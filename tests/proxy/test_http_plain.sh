#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_http_plain.sh - all of test_http.sh, with an upstream in the clear
SCHEME=http exec "$(dirname "$0")/test_http.sh"
