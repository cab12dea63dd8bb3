// SPDX-License-Identifier: Apache-2.0
#include "clearance_shield.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define INTERFACE  "org.terok.Shield1"
#define BUS_NAME   "org.freedesktop.DBus"
#define BUS_OBJECT "/org/freedesktop/DBus"
#define QUEUED_MAX 4096 /* signals that wait for a bus that does not read */

enum name_reply { NAME_OURS = 1, NAME_QUEUED = 2, NAME_ALREADY_OURS = 4 }; /* RequestName's */

void shield_key(char ret[static SHIELD_KEY + 1], const char *container)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
	unsigned n = 0;

	while (n < SHIELD_KEY && isxdigit((unsigned char)container[n])) {
		ret[n] = tolower((unsigned char)container[n]);
		n++;
	}
	ret[n] = '\0';
	if (n == SHIELD_KEY)
		return;
	/* no id of a container: a bus name takes few characters, and short names are not told
	 * apart by their beginning */
	for (const char *p = container; *p; p++)
		hash = (hash ^ (uint8_t)*p) * UINT64_C(1099511628211);
	snprintf(ret, SHIELD_KEY + 1, "%012" PRIx64,
		 (hash ^ hash >> 48) & UINT64_C(0xffffffffffff));
}

/* --- the name ------------------------------------------------------------------------ */

static void shield_own(struct shield *shield)
{
	if (shield->owned)
		return;
	shield->owned = true;
	log_info("%s is ours", shield->name);
	shield->face->owned(shield);
}

static int on_rival(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	struct shield *shield = user;
	uint32_t pid;

	(void)error;
	if (!shield->owned && !sd_bus_message_is_method_error(reply, NULL) &&
	    sd_bus_message_read(reply, "u", &pid) > 0)
		log_warn(0, "%s is owned by process %u; waiting until it is free", shield->name,
			 pid);
	return 1;
}

static int on_requested(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	const sd_bus_error *refusal = sd_bus_message_get_error(reply);
	struct shield *shield = user;
	uint32_t said = 0;

	(void)error;
	if (refusal && sd_bus_error_has_name(refusal, SD_BUS_ERROR_NO_REPLY))
		bus_fail(&shield->bus);
	else if (refusal)
		log_warn(0, "the bus refuses %s: %s", shield->name, refusal->message ?: "");
	else if (sd_bus_message_read(reply, "u", &said) <= 0)
		bus_fail(&shield->bus);
	else if (said == NAME_OURS || said == NAME_ALREADY_OURS)
		shield_own(shield);
	else if (said == NAME_QUEUED &&
		 sd_bus_call_method_async(shield->bus.connection, NULL, BUS_NAME, BUS_OBJECT,
					  BUS_NAME, "GetConnectionUnixProcessID", on_rival, shield,
					  "s", shield->name) < 0)
		bus_fail(&shield->bus);
	return 1;
}

/* The bus tells us, and nobody else, when a name that we queue for is ours, or no more. */
static int on_message(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct shield *shield = user;
	bool ours = sd_bus_message_is_signal(message, BUS_NAME, "NameAcquired") > 0;
	const char *sender = sd_bus_message_get_sender(message), *name;

	(void)error;
	if (!ours && sd_bus_message_is_signal(message, BUS_NAME, "NameLost") <= 0)
		return 0;
	if (!sender || strcmp(sender, BUS_NAME) || sd_bus_message_read(message, "s", &name) <= 0 ||
	    strcmp(name, shield->name))
		return 0;
	if (ours) {
		shield_own(shield);
	} else if (shield->owned) {
		shield->owned = false;
		log_warn(0, "%s was taken away; waiting until it is free", shield->name);
	}
	return 0;
}

/* --- the interface ------------------------------------------------------------------- */

static int on_verdict(sd_bus_message *call, void *user, sd_bus_error *error)
{
	struct shield *shield = user;
	const char *request_id, *action;
	int r = sd_bus_message_read(call, "ss", &request_id, &action);

	(void)error;
	if (r < 0)
		return r;
	if (!shield->owned || !shield->face->verdict(shield, call, request_id, action))
		return sd_bus_reply_method_return(call, "b", 0);
	sd_bus_message_ref(call);
	return 1;
}

/* clang-format off */
static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Verdict",
		SD_BUS_ARGS("s", request_id, "s", action),
		SD_BUS_RESULT("b", ok),
		on_verdict, SD_BUS_VTABLE_UNPRIVILEGED), /* the bus is one user's: who is on it may */
	SD_BUS_SIGNAL_WITH_ARGS("ConnectionBlocked",
		SD_BUS_ARGS("s", container, "s", dest, "q", port, "q", proto, "s", domain,
			    "s", request_id), 0),
	SD_BUS_SIGNAL_WITH_ARGS("VerdictApplied",
		SD_BUS_ARGS("s", container, "s", dest, "s", request_id, "s", action, "b", ok), 0),
	SD_BUS_VTABLE_END,
};
/* clang-format on */

/* @r: what sending said. */
static void shield_sent(struct shield *shield, int r)
{
	uint64_t queued = 0;

	if (r < 0 || sd_bus_get_n_queued_write(shield->bus.connection, &queued) < 0 ||
	    queued > QUEUED_MAX)
		bus_fail(&shield->bus);
}

void shield_blocked(struct shield *shield, const char *container, const char *dest, uint16_t port,
		    uint16_t proto, const char *domain, const char *request_id)
{
	if (shield->owned)
		shield_sent(shield,
			    sd_bus_emit_signal(shield->bus.connection, shield->path, INTERFACE,
					       "ConnectionBlocked", "ssqqss", container, dest, port,
					       proto, domain, request_id));
}

void shield_applied(struct shield *shield, const char *container, const char *dest,
		    const char *request_id, const char *action, bool ok)
{
	if (shield->owned)
		shield_sent(shield,
			    sd_bus_emit_signal(shield->bus.connection, shield->path, INTERFACE,
					       "VerdictApplied", "ssssb", container, dest,
					       request_id, action, (int)ok));
}

void shield_reply(struct shield *shield, sd_bus_message *call, bool ok)
{
	if (shield->bus.connection)
		shield_sent(shield, sd_bus_reply_method_return(call, "b", (int)ok));
	sd_bus_message_unref(call);
}

/* --- life ---------------------------------------------------------------------------- */

/* The object is there before the name is: who finds the name finds the object. */
static int on_up(sd_bus *connection, void *user)
{
	struct shield *shield = user;
	int r = sd_bus_add_object_vtable(connection, NULL, shield->path, INTERFACE, vtable, shield);

	if (r >= 0)
		r = sd_bus_add_filter(connection, NULL, on_message, shield);
	if (r >= 0)
		r = sd_bus_request_name_async(connection, NULL, shield->name, SD_BUS_NAME_QUEUE,
					      on_requested, shield);
	return r;
}

static void on_down(void *user)
{
	struct shield *shield = user;

	shield->owned = false;
	shield->face->lost(shield);
}

static const struct bus_face bus_face = { .up = on_up, .down = on_down };

void shield_start(struct shield *shield, const char key[static SHIELD_KEY + 1])
{
	snprintf(shield->name, sizeof(shield->name), "%s%s", SHIELD_PREFIX, key);
	shield->bus.face = &bus_face;
	shield->bus.user = shield;
	bus_seek(&shield->bus);
}

void shield_stop(struct shield *shield)
{
	bus_drop(&shield->bus);
	shield->owned = false;
}
