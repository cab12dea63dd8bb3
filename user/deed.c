// SPDX-License-Identifier: Apache-2.0
#include "deed.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/log.h"
#include "deed_ask.h"
#include "enrol_word.h"
#include "verbs.h"
#include "terok/names.h"

#define FLAGS (TEROK_RULE_INFRA | TEROK_RULE_SYNTHETIC | TEROK_RULE_CHECK)

static int (*const deeds[DEED_MAX_])(const struct control_deed *deed) = {
	[DEED_STATUS] = deed_status,   [DEED_STATE] = deed_state,     [DEED_BYPASS] = deed_bypass,
	[DEED_RULE] = deed_rule,       [DEED_PUBLISH] = deed_publish, [DEED_RULES] = deed_rules,
	[DEED_NAMES] = deed_names,     [DEED_FLUSH] = deed_flush,     [DEED_EXPLAIN] = deed_explain,
	[DEED_RESOLVE] = deed_resolve, [DEED_DETACH] = deed_detach,   [DEED_ATTACH] = deed_attach,
};

/* --- what a verb has read ----------------------------------------------------------------- */

int deed_init(struct control_deed *deed, enum deed_kind kind, const char *guard,
	      struct problem *why)
{
	*deed = (struct control_deed){ .kind = kind };
	if (guard && strlen(guard) >= sizeof(deed->guard))
		return problem(why, -EINVAL, "no guard is called '%.40s...': that is too long",
			       guard);
	if (guard && !*guard)
		return problem(why, -EINVAL, "'' is no guard; terok-bpfd status lists them");
	if (guard)
		strcpy(deed->guard, guard);
	return 0;
}

void deed_entry(struct control_deed *deed, const struct profile_entry *entry)
{
	memcpy(deed->addr, entry->dest.addr, sizeof(deed->addr));
	deed->bits = entry->dest.bits;
	deed->proto = entry->dest.proto;
	deed->port = entry->dest.port;
	memcpy(deed->domain, entry->domain, sizeof(deed->domain));
}

struct dest deed_dest(const struct control_deed *deed)
{
	struct dest dest = { .bits = deed->bits, .proto = deed->proto, .port = deed->port };

	memcpy(dest.addr, deed->addr, sizeof(dest.addr));
	return dest;
}

/* --- what another process has said -------------------------------------------------------- */

static bool is_flag(uint8_t byte)
{
	return byte <= 1;
}

static bool is_text(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

/* Only what a command line could have become: nothing behind it has to look again. */
static bool dest_ok(const struct control_deed *deed)
{
	unsigned whole = deed->bits / 8;

	if (deed->bits > 128)
		return false;
	for (unsigned i = whole; i < 16; i++) {
		uint8_t mask = i == whole ? 0xff >> deed->bits % 8 : 0xff;

		if (deed->addr[i] & mask)
			return false;
	}
	return true;
}

/* A domain stands for itself when it is read again. */
static bool domain_ok(const char *domain)
{
	struct profile_entry entry;
	struct problem why = {};

	return !*domain || (!profile_entry_parse(domain, &entry, &why) && !entry.deny &&
			    !entry.dest.port && !entry.dest.proto && !strcmp(entry.domain, domain));
}

static bool rule_ok(const struct control_deed *deed)
{
	bool infra = deed->flags & TEROK_RULE_INFRA;

	if (deed->action != TEROK_ALLOW && (deed->action != TEROK_DENY || deed->flags))
		return false;
	if (infra && (*deed->domain || deed->bits != 128 || !deed->port))
		return false;
	return infra || !deed->flags || *deed->domain;
}

int deed_check(const struct control_deed *deed)
{
	if (deed->kind <= DEED_NONE || deed->kind >= DEED_MAX_ || !is_flag(deed->json) ||
	    !is_flag(deed->colour) || !is_flag(deed->keep) || !is_flag(deed->remove))
		return -EBADMSG;
	if (!is_text(deed->guard, sizeof(deed->guard)) ||
	    !is_text(deed->domain, sizeof(deed->domain)) || !domain_ok(deed->domain) ||
	    !dest_ok(deed))
		return -EBADMSG;
	if (!is_flag(deed->force) ||
	    (deed->kind == DEED_ATTACH && enrol_want_check(&deed->want, 0, NULL)))
		return -EBADMSG;
	if (!*deed->guard && deed->kind != DEED_STATUS)
		return -EBADMSG;
	if (deed->flags & ~FLAGS || deed->seconds > DURATION_MAX)
		return -EBADMSG;
	if (deed->kind == DEED_STATE &&
	    (deed->state < TEROK_STATE_UP || deed->state >= TEROK_STATE_MAX_))
		return -EBADMSG;
	if (deed->kind == DEED_PUBLISH &&
	    (!deed->port || (deed->proto != IPPROTO_TCP && deed->proto != IPPROTO_UDP)))
		return -EBADMSG;
	return deed->kind == DEED_RULE && !rule_ok(deed) ? -EBADMSG : 0;
}

/* --- done --------------------------------------------------------------------------------- */

int deed_run(const struct control_deed *deed)
{
	return deeds[deed->kind](deed);
}

int deed_do(const struct control_deed *deed)
{
	return geteuid() ? deed_ask(deed) : deed_run(deed);
}

int deed_show(enum deed_kind kind, int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	struct control_deed deed;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = deed_init(&deed, kind, argv[1], &why);
	if (r)
		return verb_fail(r, &why);
	deed.json = json;
	return deed_do(&deed);
}
