// SPDX-License-Identifier: Apache-2.0
#include "base/journald.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PLACE "/run/systemd/journal/socket"

bool journald_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(2, &st))
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(stream, ours);
}

int journald_open(const char *place, struct journald *ret)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	*ret = JOURNALD_NONE;
	if (!place)
		place = PLACE;
	if (strlen(place) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, place);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return -errno;
	ret->fd = TAKE_FD(fd);
	return 0;
}

static void put(struct journald_entry *entry, const void *bytes, size_t n)
{
	memcpy(entry->bytes + entry->n, bytes, n);
	entry->n += n;
}

/* Whole or not at all: half a field would be another. */
static void field(struct journald_entry *entry, const char *name, const char *value, size_t n)
{
	uint64_t size;

	if (n > JOURNALD_VALUE)
		n = JOURNALD_VALUE;
	size = htole64(n);
	if (entry->n + strlen(name) + sizeof(size) + n + 2 > sizeof(entry->bytes)) {
		entry->full = true;
		return;
	}
	put(entry, name, strlen(name));
	if (memchr(value, '\n', n)) {
		put(entry, "\n", 1);
		put(entry, &size, sizeof(size));
	} else {
		put(entry, "=", 1);
	}
	put(entry, value, n);
	put(entry, "\n", 1);
}

void journald_text(struct journald_entry *entry, const char *name, const char *value, size_t size)
{
	size_t n = strnlen(value, size);

	if (n)
		field(entry, name, value, n);
}

void journald_number(struct journald_entry *entry, const char *name, uint64_t value)
{
	char text[24];

	field(entry, name, text, snprintf(text, sizeof(text), "%" PRIu64, value));
}

void journald_begin(struct journald_entry *entry, const char *name, int priority, const char *id,
		    const char *message)
{
	entry->n = 0;
	entry->full = false;
	journald_text(entry, "MESSAGE", message, JOURNALD_VALUE);
	journald_number(entry, "PRIORITY", priority);
	journald_text(entry, "SYSLOG_IDENTIFIER", name, JOURNALD_VALUE);
	if (id)
		journald_text(entry, "MESSAGE_ID", id, JOURNALD_VALUE);
}

bool journald_send(struct journald *journald, const struct journald_entry *entry)
{
	if (journald->fd < 0)
		return false;
	if (send(journald->fd, entry->bytes, entry->n, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)entry->n)
		return true;
	journald->lost++;
	return false;
}

void journald_close(struct journald *journald)
{
	closep(&journald->fd);
	*journald = JOURNALD_NONE;
}
