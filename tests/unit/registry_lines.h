/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_lines.h - lines as test_registry_dialer.c wants them: played, and their sockets fail to close
 *
 * What is sent goes to note_sent() of registry_session.h.
 */
#ifndef TESTS_REGISTRY_LINES_H
#define TESTS_REGISTRY_LINES_H

#include <stdlib.h>
#include <string.h>

#include "registry_session.h"
#include "user/registry/session_line.h"

struct line {
	const struct line_events *events;
	void *user;
	uint8_t addr[16];
};

static struct line *line; /* the last one; NULL: it was closed */
static unsigned opens, closes;
static int opened_fd; /* the last one's socket */
static int open_fails, close_fails;

static int fake_open(struct lines *lines, int fd, const uint8_t addr[static 16],
		     const struct line_events *of, void *user, struct line **ret)
{
	(void)lines;
	opens++;
	opened_fd = fd;
	if (open_fails)
		return open_fails;
	line = calloc(1, sizeof(*line));
	line->events = of;
	line->user = user;
	memcpy(line->addr, addr, 16);
	*ret = line;
	return 0;
}

static int fake_send(struct line *of, const void *bytes, size_t n)
{
	assert_ptr_equal(of, line);
	return note_sent(bytes, n);
}

static int fake_close(struct line *of)
{
	if (of == line)
		line = NULL;
	free(of);
	closes++;
	return close_fails;
}

static struct lines lines = { fake_open, fake_send, fake_close, NULL, LINE_PORT };

#endif
