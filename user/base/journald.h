/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journald.h - entries of the system's journal with fields of their own, by its native protocol
 *
 * A datagram each, that is sent or lost: nobody waits for the journal, and what is lost is counted.
 * An entry is built in place and has an end (JOURNALD_MAX), so that it always fits a datagram; a
 * value is cut at JOURNALD_VALUE. Values may be any bytes: lines that would begin a field of
 * somebody's choice are written with their length. Names of fields are ours, never anybody's.
 *
 * Who writes: the agent where systemd reads its stderr, and a program of a container's start that
 * has no other log. Owns: the socket. Threads: none.
 */
#ifndef BASE_JOURNALD_H
#define BASE_JOURNALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNALD_MAX   8192 /* bytes of one entry */
#define JOURNALD_VALUE 512  /* of one value */

struct journald {
	int fd; /* -1: there is no journal */
	uint64_t lost;
};

#define JOURNALD_NONE ((struct journald){ .fd = -1 })

struct journald_entry {
	size_t n;
	bool full; /* something did not fit */
	char bytes[JOURNALD_MAX];
};

/** journald_reads() - it reads our stderr: what we say there is in it, and has our priorities */
bool journald_reads(void);

/** journald_open() - connect, non-blocking; @place NULL: where systemd's is; 0 or negative errno */
int journald_open(const char *place, struct journald *ret);

/**
 * journald_begin() - a new entry with MESSAGE, PRIORITY and SYSLOG_IDENTIFIER
 * @priority: LOG_*; @id: what kind of message it is (MESSAGE_ID), 32 digits; NULL: none
 */
void journald_begin(struct journald_entry *entry, const char *name, int priority, const char *id,
		    const char *message);

/** journald_text() - one more field, until the first NUL of @size bytes; empty: none */
void journald_text(struct journald_entry *entry, const char *field, const char *value, size_t size);

/** journald_number() - the same of a number, decimal */
void journald_number(struct journald_entry *entry, const char *field, uint64_t value);

/** journald_send() - false: lost, and counted */
bool journald_send(struct journald *journald, const struct journald_entry *entry);

/** journald_close() - also of one that was never open */
void journald_close(struct journald *journald);

#endif
