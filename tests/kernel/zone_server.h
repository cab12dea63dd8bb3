/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone_server.h - a name server for kernel tests, and who asks by it
 *
 * It is the program of tests/names, on loopback of the test's own network. TEROK_RESOLV_CONF
 * names it to every agent that is started afterwards. Every call fails the running test on error.
 */
#ifndef TESTS_ZONE_SERVER_H
#define TESTS_ZONE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "support.h"

/** zone_server_start() - serve @zone, lines as of tests/names/zone.h; skips without the program */
void zone_server_start(const struct test_world *world, const char *program, const char *zone);
void zone_server_stop(void);

/**
 * zone_ask() - from inside the world's guard, ask any server at all for the IPv4 addresses of @name
 * @ret: the first as text; "" if there is none
 *
 * Return: the rcode; -ETIMEDOUT: nobody answers.
 */
int zone_ask(struct test_world *world, const char *name, char ret[static ADDR_TEXT]);

/** zone_lookup() - the same, for whoever stands inside already */
int zone_lookup(const char *name, char ret[static ADDR_TEXT]);

#endif
