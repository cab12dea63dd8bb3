// SPDX-License-Identifier: Apache-2.0
#include "ssh_terms.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/log.h"
#include "base/spawn.h"
#include "signer/key.h"

#define HOSTS_MAX  65536 /* bytes that are said of one host */
#define KEYGEN_NS  (10 * SECOND_NS)
#define KNOWN_HOST "ssh-keygen"

static const char *known_hosts(const struct ssh_terms *terms, char buf[static PATH_MAX])
{
	const char *home = getenv("HOME");

	if (terms->known_hosts)
		return terms->known_hosts;
	snprintf(buf, PATH_MAX, "%s/.ssh/known_hosts", home ?: "");
	return buf;
}

/* Lines "HOST TYPE KEY [COMMENT]" to those that may be a key of ours; markers and others are left out. */
static void keys_write(char *text, struct json *json)
{
	char *save, *line;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		_cleanup_wire_ struct wire_out blob = {};
		char *key = line + strcspn(line, " ");

		key += strspn(key, " ");
		if (*line == '#' || *line == '@' || limits_key(key, &blob) ||
		    key_blob_check(wire_out_span(&blob)))
			continue;
		json_add_string(json, NULL, key);
	}
}

/* One destination, whose host's keys ssh-keygen(1) finds as ssh(1) does, hashed names and all. */
static int destination_write(const struct ssh_terms *terms, const char *said, struct json *json)
{
	const char *at = strrchr(said, '@'), *host = at ? at + 1 : said;
	char file[PATH_MAX], user[LIMITS_TEXT];
	const char *from = known_hosts(terms, file);
	const char *argv[] = { KNOWN_HOST, "-F", host, "-f", from, NULL };
	struct spawn_result result;
	struct problem why;
	size_t before;
	int r;

	if (!*host || *host == '-' || (at && (size_t)(at - said) >= sizeof(user)))
		return log_error(0, "--to '%s': that is no host", said), -EINVAL;
	r = spawn_run(
	    &(struct spawn){ .argv = argv, .limit_ns = KEYGEN_NS, .output_max = HOSTS_MAX },
	    &result, &why);
	if (r)
		return log_error(0, "%s", why.text), r;
	json_open_object(json, NULL);
	json_add_string(json, "host", host);
	if (at) {
		snprintf(user, sizeof(user), "%.*s", (int)(at - said), said);
		json_add_string(json, "user", user);
	}
	json_open_array(json, "keys");
	before = json->n;
	if (!result.status)
		keys_write(result.output, json);
	r = json->n == before ? -ENOENT : 0;
	json_close_array(json);
	json_close_object(json);
	spawn_result_done(&result);
	return r ? log_error(0, "no key of %s is in %s: go there once, or say --known-hosts", host,
			     from),
	       r : 0;
}

static int limits_make(struct ssh_terms *terms, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_json_ struct json json = {};
	const char *text;
	int r = 0;

	json_open_object(&json, NULL);
	if (terms->to.n)
		json_open_array(&json, "destinations");
	for (unsigned i = 0; !r && i < terms->to.n; i++)
		r = destination_write(terms, terms->to.item[i], &json);
	if (r)
		return r;
	if (terms->to.n)
		json_close_array(&json);
	if (terms->namespaces.n)
		json_open_array(&json, "namespaces");
	for (unsigned i = 0; i < terms->namespaces.n; i++)
		json_add_string(&json, NULL, terms->namespaces.item[i]);
	if (terms->namespaces.n)
		json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	if (!text || json_parse(text, strlen(text), &object))
		return log_error(-EINVAL, "--to, --namespace");
	r = limits_read(object, &terms->limits, why);
	return r ? log_error(0, "%s", why->text), r : 0;
}

int ssh_terms_read(struct ssh_terms *terms)
{
	unsigned total = 0, per_minute = 0;
	struct problem why = {};
	uint64_t seconds = 0;
	int r = limits_make(terms, &why);

	if (!r)
		r = cli_number("per-minute", terms->per_minute, 1, LIMITS_PER_MINUTE, &per_minute);
	if (!r)
		r = cli_number("total", terms->total, 1, INT_MAX, &total);
	if (!r && terms->life && duration_parse(terms->life, &seconds, &why))
		return log_error(0, "--for: %s", why.text), -EINVAL;
	if (r)
		return r;
	terms->limits.per_minute = per_minute;
	terms->limits.total = total;
	terms->limits.confirm = terms->confirm;
	terms->expires = seconds ? (int64_t)time(NULL) + (int64_t)seconds : 0;
	return 0;
}

int ssh_terms_row(const struct ssh_terms *terms, struct ssh_key_terms *ret, char **text)
{
	struct limits where = terms->limits;
	_cleanup_json_ struct json json = {};

	*ret = (struct ssh_key_terms){ .confirm = where.confirm,
				       .per_minute = where.per_minute,
				       .total = where.total,
				       .expires = terms->expires };
	*text = NULL;
	if (!where.n_destinations && !where.n_names)
		return 0;
	where.confirm = false; /* these are columns */
	where.per_minute = 0;
	where.total = 0;
	json_open_object(&json, NULL);
	limits_write(&where, &json);
	json_close_object(&json);
	if (json_done(&json))
		*text = strdup(json_done(&json));
	ret->destinations = *text;
	return *text ? 0 : -ENOMEM;
}

void ssh_terms_done(struct ssh_terms *terms)
{
	limits_done(&terms->limits);
}
