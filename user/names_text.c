// SPDX-License-Identifier: Apache-2.0
#include "names_text.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/log.h"

const char *names_mode(const struct terok_guard *value)
{
	if (value->names & TEROK_NAMES_OFF)
		return "off";
	return value->names & TEROK_NAMES_EXACT ? "synthetic" : "learn";
}

/* Rounded up: 0 is over. */
static uint64_t seconds_left(uint64_t until_ns, uint64_t now_ns)
{
	return until_ns <= now_ns ? 0 : (until_ns - now_ns + SECOND_NS - 1) / SECOND_NS;
}

const char *name_when(char buf[static NAME_WHEN_LEN], const struct name_address *address,
		      uint64_t now_ns)
{
	if (name_is_synthetic(address))
		snprintf(buf, NAME_WHEN_LEN, "with its name");
	else if (name_has_ended(address, now_ns))
		snprintf(buf, NAME_WHEN_LEN, "ended");
	else
		snprintf(buf, NAME_WHEN_LEN, "%llu s left",
			 (unsigned long long)seconds_left(address->until_ns, now_ns));
	return buf;
}

const char *name_grants(char buf[static NAME_GRANTS_LEN], const struct terok_name *name,
			uint64_t now_ns)
{
	size_t n = 0;

	strcpy(buf, name->n ? "" : "no rule, but noted where all is open");
	for (unsigned i = 0; i < name->n && i < TEROK_GRANTS && n < NAME_GRANTS_LEN; i++) {
		const struct terok_grant *grant = &name->grant[i];
		char port[16] = "", proto[8], left[40] = "";

		if (grant->port)
			snprintf(port, sizeof(port), " port %u", grant->port);
		if (grant->until_ns)
			snprintf(left, sizeof(left),
				 grant->until_ns <= now_ns ? " (ended)" : " (%llu s left)",
				 (unsigned long long)seconds_left(grant->until_ns, now_ns));
		n += snprintf(buf + n, NAME_GRANTS_LEN - n, "%s%s%s%s%s%s", i ? ", " : "",
			      grant->action == TEROK_ALLOW ? "allow" : "deny", port,
			      grant->proto ? " " : "",
			      grant->proto ? proto_name(grant->proto, proto) : "", left);
	}
	return buf;
}

static void address_text(const struct name_address *address, uint64_t now_ns)
{
	char addr[ADDR_TEXT], real[ADDR_TEXT], when[NAME_WHEN_LEN];

	if (name_is_synthetic(address))
		printf("    %s -> %s  %s\n", addr_format(addr, address->addr),
		       addr_format(real, address->real), name_when(when, address, now_ns));
	else
		printf("    %s  %s\n", addr_format(addr, address->addr),
		       name_when(when, address, now_ns));
}

/* Of one name: how it is answered. One that has no address was asked for other things. */
static const char *name_mode(const struct listed_name *name)
{
	if (name->name.slots || name->name.flags & TEROK_RULE_SYNTHETIC)
		return "synthetic";
	return "learned";
}

void name_text(const struct listed_name *name, uint64_t now_ns)
{
	uint64_t ago = now_ns > name->name.asked_ns ? now_ns - name->name.asked_ns : 0;
	char text[TEROK_DOMAIN_LEN], grants[NAME_GRANTS_LEN];

	printf("%-30s  %s%s, %llu hit%s, asked %llu s ago; %s\n",
	       log_safe(text, sizeof(text), name->name.text), name_mode(name),
	       name->name.flags & TEROK_RULE_CHECK ? ", check" : "", name->name.hits,
	       name->name.hits == 1 ? "" : "s", (unsigned long long)(ago / SECOND_NS),
	       name_grants(grants, &name->name, now_ns));
	for (unsigned i = 0; i < name->n; i++)
		address_text(&name->address[i], now_ns);
}

void name_grants_json(struct json *json, const char *key, const struct terok_name *name,
		      uint64_t now_ns)
{
	char proto[8];

	json_open_array(json, key);
	for (unsigned i = 0; i < name->n && i < TEROK_GRANTS; i++) {
		const struct terok_grant *grant = &name->grant[i];

		json_open_object(json, NULL);
		json_add_string(json, "action", grant->action == TEROK_ALLOW ? "allow" : "deny");
		json_add_uint(json, "port", grant->port);
		json_add_string(json, "proto", proto_name(grant->proto, proto));
		json_add_bool(json, "ended", grant->until_ns && grant->until_ns <= now_ns);
		json_add_uint(json, "seconds_left", seconds_left(grant->until_ns, now_ns));
		json_close_object(json);
	}
	json_close_array(json);
}

void name_address_json(struct json *json, const char *key, const struct name_address *address,
		       uint64_t now_ns)
{
	char addr[ADDR_TEXT];

	json_open_object(json, key);
	json_add_string(json, "addr", addr_format(addr, address->addr));
	json_add_string(json, "real", addr_format(addr, address->real));
	json_add_bool(json, "synthetic", name_is_synthetic(address));
	json_add_bool(json, "ended", name_has_ended(address, now_ns));
	json_add_uint(json, "seconds_left", seconds_left(address->until_ns, now_ns));
	json_close_object(json);
}

void name_json(struct json *json, const char *key, const struct listed_name *name, uint64_t now_ns)
{
	uint64_t ago = now_ns > name->name.asked_ns ? now_ns - name->name.asked_ns : 0;

	json_open_object(json, key);
	json_add_string(json, "name", name->name.text);
	json_add_string(json, "mode", name_mode(name));
	json_add_bool(json, "check", name->name.flags & TEROK_RULE_CHECK);
	json_add_uint(json, "hits", name->name.hits);
	json_add_uint(json, "asked_seconds_ago", ago / SECOND_NS);
	name_grants_json(json, "grants", &name->name, now_ns);
	json_open_array(json, "addresses");
	for (unsigned i = 0; i < name->n; i++)
		name_address_json(json, NULL, &name->address[i], now_ns);
	json_close_array(json);
	json_close_object(json);
}
