/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_item.h - one request as people see it, from its first telling to its end
 *
 * Texts are cut to their fields; whoever shows them makes them printable once more, whatever the
 * hub promises.
 * Called by: clearance_list.c, which owns them, and the faces; clearance_web_hub.c, which has one for
 * as long as it tells of it. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_ITEM_H
#define TOOLS_CLEARANCE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clearance_tree.h"
#include "terok/clearance.h"

#define TARGET_LEN 288 /* a name has 253 bytes */

enum item_state {
	ITEM_OPEN,     /* waits for an answer; an answer that failed leads back here */
	ITEM_ANSWERED, /* ours is on its way */
	ITEM_ALLOWED,
	ITEM_DENIED,
	ITEM_GONE, /* nobody can answer it any more */
};

struct group;

struct item {
	struct node node; /* its number: what a person types; from 1, never reused */
	struct item *next_id, *next_number; /* in their buckets */
	struct item *older, *newer;         /* among those that are as alive as it is */
	struct group *group;
	enum item_state state;
	bool unsure;     /* the hub came back and has not told it again */
	bool faded;      /* over for so long that it is shown no more */
	bool from_first; /* seen_ns is when it was asked first */
	/* CLOCK_BOOTTIME: the first asking that we know of, the last one that was told, its end */
	uint64_t seen_ns, told_ns, ended_ns;
	int64_t guard, count, port, pid, uid, parent_pid;
	uint8_t proto;
	char request_id[80], container[72], name[72];
	char dest[256];   /* as the hub says it: a name where a name was refused */
	char domain[256]; /* the name of the address; "": it has none */
	char reason[24], hook[16], said[256], rule[128];
	char comm[20], exe[160], cmdline[192];
	char parents[160]; /* "bash < node < conmon", nearest first */
	struct {           /* the answer that was given, or is on its way */
		char action[8], scope[12], reach[12], ports[8], client[32];
		char rule[320]; /* that was made of it; "": not known */
		int64_t seconds, uid, until_ns;
	} answer;
	struct { /* clearance_plain.c's: as it was printed last */
		enum item_state state;
		int64_t count;
	} printed;
	char problem[160]; /* why the last answer failed, or who was first */
};

/** item_state_name() - "open", "answered", "allowed", "denied", "gone" */
const char *item_state_name(enum item_state state);

/** item_fill() - what a request's telling says of it */
void item_fill(struct item *item, const struct terok_event *event);

/** item_name() - the name that was meant; "": there is an address only */
const char *item_name(const struct item *item);

/** item_reason() - why it was refused, in words; static, or item->reason */
const char *item_reason(const struct item *item);

/** item_who() - "curl[4711] /usr/bin/curl"; "": nobody is known; returns @buf */
const char *item_who(char *buf, size_t size, const struct item *item);

/** item_address() - the address that was tried; "": a name was refused, before there was one */
const char *item_address(const struct item *item);

/** item_domain() - the registrable part of the name that was meant, else all of it; "": no name */
void item_domain(char ret[static 256], const struct item *item);

/**
 * item_is_shared() - do the names below the one that was meant belong to strangers?
 *
 * It is a public suffix (github.io, co.uk): an answer for all below it would be for them as well.
 * Without the list, which tells, it may be one.
 */
bool item_is_shared(const struct item *item);

/** item_is_local() - an address of a private network, of the link or of this machine? */
bool item_is_local(const struct item *item);

/** item_where() - where it wanted to go, the name if there is one, with port; returns @buf */
const char *item_where(char buf[static TARGET_LEN], const struct item *item);

/** item_has() - is @text in anything that is shown of it? either case */
bool item_has(const struct item *item, const char *text);

/**
 * item_default_scope() - of an answer that says none: until the container ends
 *
 * A hub of a session, which knows no guards, hands answers to a shield, whose are for ever.
 */
const char *item_default_scope(const struct item *item);

/** scope_words() - "until the container ends"; @scope itself where it is a word for people */
const char *scope_words(const char *scope);

/** item_answer_brief() - "container  terok-web": until when, by which program; returns @buf */
const char *item_answer_brief(char *buf, size_t size, const struct item *item);

/** item_answer_format() - "once", "15m", "children, any port, until the container ends" */
const char *item_answer_format(char *buf, size_t size, const struct item *item);

/** target_format() - "192.0.2.1:443/tcp", "[2001:db8::1]:443/tcp" or a name; returns @buf */
const char *target_format(char buf[static TARGET_LEN], const char *dest, int64_t port,
			  int64_t proto);

/** age_format() - how long ago, or how long still: "12s", "5m", "3h", "9d"; returns @buf */
const char *age_format(char buf[static 16], uint64_t ns);

/** text_copy() - as much of @text as fits; a text of any length costs no more than @size */
void text_copy(char *buf, size_t size, const char *text);

#endif
