/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tell.h - which refused names people should hear of
 *
 * A lookup is several questions (A and AAAA, each try again), and with search suffixes several
 * names: "api.example.com.lan" before, or after, "api.example.com". So a name waits TELL_WAIT_NS
 * before it is told. If the same name without its tail, or with one, is asked for meanwhile, the
 * tail is a search suffix of this guard: what it makes of names is not asked of people. Of
 * what floods, TELL_RATE names a second are told, and all are counted.
 *
 * Called by: the resolver worker, one struct a guard. Threads: none. No allocation but
 * tell_new().
 */
#ifndef TEROK_DNS_TELL_H
#define TEROK_DNS_TELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dns/name.h"

#define TELL_WAIT_NS  (250 * UINT64_C(1000000))
#define TELL_QUIET_NS (30 * UINT64_C(1000000000)) /* the same name again */
#define TELL_RATE     10
#define TELL_PENDING  16
#define TELL_SUFFIXES 6

struct tell;

struct tell_name {
	char name[DNS_NAME_LEN];
	uint16_t type, port; /* of the first question */
	uint8_t proto, v6;
	uint8_t why;    /* the caller's */
	uint32_t count; /* questions since it was told last */
};

int tell_new(struct tell **ret);
void tell_free(struct tell *tell);
DEFINE_CLEANUP(struct tell, tell_free)

/** tell_suffix() - a search suffix that is known beforehand */
void tell_suffix(struct tell *tell, const char *suffix);

/** tell_note() - it was asked for and refused */
void tell_note(struct tell *tell, const struct tell_name *name, uint64_t now_ns);

/** tell_asked() - it was asked for and allowed: those that wait may be the same with a suffix */
void tell_asked(struct tell *tell, const char *name);

/** tell_hurry() - whoever waits has waited long enough */
void tell_hurry(struct tell *tell);

/**
 * tell_due() - those whose time has come, to @fn
 *
 * Return: when to come again, CLOCK_BOOTTIME; 0: nothing waits.
 */
uint64_t tell_due(struct tell *tell, uint64_t now_ns,
		  void (*fn)(const struct tell_name *name, void *user), void *user);

#endif
