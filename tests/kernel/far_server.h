/* SPDX-License-Identifier: Apache-2.0 */
/*
 * far_server.h - a server in a world's far namespace, on ports 443 and 80 of every address
 *
 * It reads a connection to its end, answers with one byte, and tells how much it read.
 */
#ifndef TESTS_FAR_SERVER_H
#define TESTS_FAR_SERVER_H

#include <sys/types.h>

#include "support.h"

struct far_server {
	pid_t pid;
	int reports; /* a size_t for each connection that ended */
};

void far_server_start(struct far_server *server, const struct test_world *world);
void far_server_stop(struct far_server *server);

/** far_server_report() - bytes that arrived in the next connection that ended */
size_t far_server_report(struct far_server *server);

/** far_server_fastopen() - both sides of TCP Fast Open in the caller's network namespace */
bool far_server_fastopen(void);

#endif
