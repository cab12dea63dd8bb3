// SPDX-License-Identifier: Apache-2.0
#include "wire_grant.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 15 /* user/grants.c numbers them */

void wire_grant_id(char ret[static 24], const struct msg_grant *grant)
{
	snprintf(ret, 24, "%" PRIu64, (uint64_t)grant->number);
}

uint64_t wire_grant_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > DIGITS_MAX || text[digits] || *text == '0')
		return 0;
	return strtoull(text, NULL, 10);
}

void wire_grant(struct json *json, const struct label *label, const struct msg_grant *grant)
{
	char id[24];

	wire_grant_id(id, grant);
	json_open_object(json, NULL);
	json_add_uint(json, "guard", grant->guard);
	wire_field(json, "container", label->info.container, sizeof(label->info.container));
	wire_field(json, "name", label->info.name, sizeof(label->info.name));
	json_add_string(json, "grant", id);
	wire_field(json, "dest", grant->dest, sizeof(grant->dest));
	json_add_uint(json, "port", grant->port);
	json_add_uint(json, "proto", grant->proto);
	json_add_string(json, "action", wire_action(grant->action));
	json_add_string(json, "scope", wire_scope(grant->scope));
	json_add_uint(json, "until_ns", grant->until_ns);
	json_add_uint(json, "uid", grant->uid);
	json_add_uint(json, "since_ns", grant->since_ns);
	json_close_object(json);
}
