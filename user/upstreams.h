/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstreams.h - the host's name servers: from resolv.conf(5), or as the operator said
 *
 * Called by: nameserver.c, verb_run.c. Threads: none.
 */
#ifndef TEROK_UPSTREAMS_H
#define TEROK_UPSTREAMS_H

#include "base/problem.h"
#include "terok/core_msg.h"

/** upstreams_parse() - add one server, ADDR, ADDR:PORT or [ADDR]:PORT; -EINVAL */
int upstreams_parse(const char *text, struct msg_upstreams *ret, struct problem *why);

/** upstreams_read() - nameserver and search lines of a file; what is wrong in it is passed over */
int upstreams_read(const char *path, struct msg_upstreams *ret);

/** upstreams_path() - TEROK_RESOLV_CONF or /etc/resolv.conf */
const char *upstreams_path(void);

#endif
