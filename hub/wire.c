// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/sanitise.h"
#include "terok/dossier.h"
#include "terok/names.h"

#define SANITISE_BYTES (4 * SANITISE_MAX + 4) /* of UTF-8: more than is shown */

static const struct terok_record no_record;

/* Text that a container may have chosen. */
void wire_field(struct json *json, const char *key, const char *text, size_t size)
{
	char buf[SANITISE_MAX + 1];

	json_add_string(json, key, sanitise(buf, SANITISE_MAX, text, strnlen(text, size)));
}

#define add_field(json, key, field) wire_field(json, key, field, sizeof(field))

static void add_number_text(struct json *json, const char *key, uint64_t value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, value);
	json_add_string(json, key, buf);
}

void wire_container(char ret[static TEROK_NAME_LEN], const struct label *label)
{
	const char *text = label->info.container;

	sanitise(ret, TEROK_NAME_LEN - 1, text, strnlen(text, TEROK_NAME_LEN));
}

void wire_request_id(char ret[static 32], const struct label *label, uint64_t ask)
{
	char container[TEROK_NAME_LEN];

	wire_container(container, label);
	snprintf(ret, 32, "%.12s:%" PRIu64, container, ask % UINT64_C(1000000000000000000));
}

void wire_text(struct json *json, const char *key, const char *text)
{
	wire_field(json, key, text ?: "", SANITISE_BYTES);
}

const char *wire_action(enum terok_action action)
{
	return action == TEROK_ALLOW ? "allow" : "deny";
}

const char *wire_scope(enum scope scope)
{
	static const char *const names[] = { [SCOPE_ONCE] = "once",
					     [SCOPE_TIME] = "time",
					     [SCOPE_SESSION] = "session",
					     [SCOPE_FOREVER] = "forever" };

	return scope < SCOPE_MAX_ ? names[scope] : "";
}

static void add_container(struct json *json, const struct news *news)
{
	if (news->label)
		add_field(json, "container", news->label->info.container);
	else
		wire_text(json, "container", news->container);
}

void wire_target(char ret[static TEROK_DOMAIN_LEN], const struct msg_refused *refused)
{
	char addr[ADDR_TEXT];

	if (*refused->domain)
		sanitise(ret, TEROK_DOMAIN_LEN - 1, refused->domain,
			 strnlen(refused->domain, TEROK_DOMAIN_LEN));
	else
		snprintf(ret, TEROK_DOMAIN_LEN, "%s", addr_format(addr, refused->record.dst));
}

/* A name that was refused has no address: it stands in its place as well. */
static void add_dest(struct json *json, const struct news *news)
{
	const struct msg_refused *refused = news->refused;
	char buf[ADDR_TEXT] = "";

	if (refused && !refused->by_name)
		json_add_string(json, "dest", addr_format(buf, refused->record.dst));
	else if (refused)
		add_field(json, "dest", refused->domain);
	else
		wire_text(json, "dest", news->dest);
	json_add_uint(json, "port", refused ? refused->record.dst_port : news->port);
	json_add_uint(json, "proto", refused ? refused->record.proto : news->proto);
	if (refused)
		add_field(json, "domain", refused->domain);
	else
		wire_text(json, "domain", news->domain);
}

/* "curl[4711] /usr/bin/curl": in dossier values, where today's clients show free text. */
static void add_process_short(struct json *json, const struct msg_refused *refused)
{
	const struct terok_record *record = &refused->record;
	char buf[TEROK_COMM_LEN + 16 + MSG_TEXT];

	if (!record->tgid)
		return;
	snprintf(buf, sizeof(buf), "%.*s[%u] %.*s", TEROK_COMM_LEN, record->comm, record->tgid,
		 MSG_TEXT, refused->exe);
	add_field(json, "process", buf);
	snprintf(buf, sizeof(buf), "%.*s[%u]", TEROK_COMM_LEN, record->pcomm, record->ppid);
	add_field(json, "parent", buf);
	add_number_text(json, "uid", record->uid);
}

/* What its reader said of it, in pairs. */
static void add_said(struct json *json, const struct news *news)
{
	for (unsigned i = 0; i < news->n_dossier; i++)
		wire_text(json, news->dossier[i].key, news->dossier[i].value);
}

/*
 * What whoever started the container says of it. What we say ourselves beside a refusal nobody
 * says in our place.
 */
static void add_pairs(struct json *json, const struct news *news, bool all)
{
	static const char *const ours[] = { "process", "parent", "uid", "reason", "hook", "said" };
	const struct terok_dossier *dossier = news->label ? news->label->dossier : NULL;

	for (unsigned i = 0; dossier && i < dossier->n; i++) {
		bool taken = false;

		for (unsigned j = 0; !all && j < sizeof(ours) / sizeof(ours[0]); j++)
			taken = taken || !strcmp(dossier->key[i], ours[j]);
		for (unsigned j = 0; j < news->n_dossier; j++)
			taken = taken || !strcmp(dossier->key[i], news->dossier[j].key);
		if (!taken)
			wire_text(json, dossier->key[i], dossier->value[i]);
	}
}

/* Its own words come first; then what it is called. */
static void add_called(struct json *json, const struct label *label, const char *key)
{
	if (!label->dossier || !terok_dossier_get(label->dossier, key))
		add_field(json, key, label->info.name);
}

static void add_dossier(struct json *json, const struct news *news)
{
	json_open_object(json, "dossier");
	/* the contract: an applied verdict carries none */
	if (news->label && !news->action) {
		add_called(json, news->label, "name");
		add_called(json, news->label, "container_name");
		add_pairs(json, news, false);
	}
	add_said(json, news);
	if (news->refused) {
		add_process_short(json, news->refused);
		json_add_string(json, "reason", terok_reason_name(news->refused->record.reason));
		json_add_string(json, "hook", terok_hook_name(news->refused->record.hook));
		if (*news->refused->said)
			add_field(json, "said", news->refused->said);
	}
	json_close_object(json);
}

void wire_clearance(struct json *json, const struct news *news)
{
	json_open_object(json, NULL);
	json_add_string(json, "type", news->clearance);
	add_container(json, news);
	json_add_string(json, "request_id", news->request_id ?: "");
	add_dest(json, news);
	json_add_string(json, "action", news->action ?: "");
	json_add_bool(json, "ok", news->ok);
	wire_text(json, "reason", news->reason);
	add_dossier(json, news);
	json_close_object(json);
}

static void add_process(struct json *json, const struct msg_refused *refused)
{
	const struct terok_record *record = refused ? &refused->record : &no_record;

	json_open_object(json, "process");
	json_add_uint(json, "pid", record->tgid);
	json_add_uint(json, "thread", record->pid);
	json_add_uint(json, "start_ns", record->start_ns);
	json_add_uint(json, "uid", record->uid);
	json_add_uint(json, "gid", record->gid);
	add_field(json, "comm", record->comm);
	wire_field(json, "exe", refused ? refused->exe : "", MSG_TEXT);
	wire_field(json, "cmdline", refused ? refused->cmdline : "", MSG_TEXT);
	add_number_text(json, "exe_inode", record->exe_ino);
	add_number_text(json, "exe_device", record->exe_dev);
	json_add_uint(json, "parent_pid", record->ppid);
	add_field(json, "parent_comm", record->pcomm);
	json_close_object(json);
}

static void add_parents(struct json *json, const struct msg_refused *refused)
{
	json_open_array(json, "parents");
	for (unsigned i = 0; refused && i < MSG_PARENTS && *refused->parents[i]; i++)
		add_field(json, NULL, refused->parents[i]);
	json_close_array(json);
}

static void add_refusal(struct json *json, const struct news *news)
{
	const struct terok_record *record = news->refused ? &news->refused->record : &no_record;
	static const uint8_t unbound[16];
	char buf[ADDR_TEXT] = "";

	if (memcmp(record->src, unbound, sizeof(unbound)))
		addr_format(buf, record->src);
	wire_text(json, "reason", news->refused ? terok_reason_name(record->reason) : news->reason);
	json_add_string(json, "hook", record->hook ? terok_hook_name(record->hook) : "");
	wire_field(json, "said", news->refused ? news->refused->said : "", TEROK_DOMAIN_LEN);
	if (news->refused)
		add_field(json, "rule", news->refused->rule);
	else
		wire_text(json, "rule", news->rule);
	json_add_string(json, "source", buf);
	json_add_uint(json, "source_port", record->src_port);
	add_number_text(json, "socket_cookie", record->sock_cookie);
	add_number_text(json, "netns_cookie", record->netns_cookie);
	add_number_text(json, "cgroup", record->cgroup);
	json_add_uint(json, "count", news->refused ? news->refused->count : news->count);
	add_process(json, news->refused);
	add_parents(json, news->refused);
}

void wire_firewall(struct json *json, const struct news *news)
{
	const struct label *label = news->label;

	json_open_object(json, NULL);
	json_add_string(json, "type", news->type);
	json_add_uint(json, "boot_ns", news->boot_ns);
	json_add_uint(json, "wall_ns", news->wall_ns);
	json_add_uint(json, "guard", news_guard(news));
	add_container(json, news);
	wire_field(json, "name", label ? label->info.name : news->name ?: "", TEROK_NAME_LEN);
	json_add_string(json, "request_id", news->request_id ?: "");
	add_dest(json, news);
	add_refusal(json, news);
	json_add_string(json, "state", label ? terok_state_name(label->state) : news->state ?: "");
	json_add_string(json, "action", news->action ?: "");
	json_add_string(json, "scope", news->scope ?: "");
	json_add_uint(json, "until_ns", news->until_ns);
	json_add_bool(json, "ok", news->ok);
	wire_text(json, "problem", news->problem);
	json_add_uint(json, "uid", news->uid);
	wire_text(json, "client", news->client);
	json_open_object(json, "dossier");
	add_pairs(json, news, true);
	add_said(json, news);
	json_close_object(json);
	json_close_object(json);
}

void wire_guard(struct json *json, const struct label *label, const struct terok_counts *counts)
{
	json_open_object(json, NULL);
	json_add_uint(json, "guard", label->id);
	add_field(json, "container", label->info.container);
	add_field(json, "name", label->info.name);
	add_field(json, "cgroup", label->info.path);
	json_add_uint(json, "uid", label->info.uid);
	json_add_string(json, "kind", terok_kind_name(label->info.kind));
	json_add_string(json, "state", terok_state_name(label->state));
	json_open_object(json, "counters");
	json_add_uint(json, "attempts", counts->allowed + counts->refused);
	json_add_uint(json, "allowed", counts->allowed);
	json_add_uint(json, "refused", counts->refused);
	json_add_uint(json, "delivered", counts->delivered);
	json_add_uint(json, "limited", counts->limited);
	json_add_uint(json, "lost", counts->lost);
	json_add_uint(json, "dropped", counts->dropped);
	json_close_object(json);
	json_close_object(json);
}
