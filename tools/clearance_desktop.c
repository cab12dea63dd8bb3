// SPDX-License-Identifier: Apache-2.0
#include "clearance_desktop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define SERVICE           "org.freedesktop.Notifications"
#define PATH              "/org/freedesktop/Notifications"
#define BUS               "org.freedesktop.DBus"
#define BUS_PATH          "/org/freedesktop/DBus"
#define ICON              "terok-symbolic"
#define SHOW_US           5000000 /* for one note without a loop: a service that hangs is none */

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

/* --- text --------------------------------------------------------------------------------- */

/* The code point at @s and its bytes; -1 for a byte that is no UTF-8. */
static int32_t point_at(const uint8_t *s, unsigned *bytes)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
	uint32_t point = more ? s[0] & (0x3f >> more) : s[0];

	*bytes = 1;
	if (s[0] >= 0xf8 || (!more && s[0] >= 0x80))
		return -1;
	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80) /* also at the end */
			return -1;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return -1;
	*bytes = more + 1;
	return point;
}

/* Is it text that people can see, in the order in which it stands? */
static bool point_shows(int32_t point)
{
	static const struct {
		int32_t first, last;
	} hidden[] = {
		{ -1, 0x1f },         { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
		{ 0x180e, 0x180e },   { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfdd0, 0xfdef },   { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
		{ 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (point >= hidden[i].first && point <= hidden[i].last)
			return false;
	return true;
}

static const char *point_markup(int32_t point)
{
	return point == '&' ? "&amp;" : point == '<' ? "&lt;" : point == '>' ? "&gt;" : NULL;
}

const char *desktop_text(char *buf, size_t max, const char *src, enum desktop_text kind)
{
	const uint8_t *s = (const uint8_t *)src;
	size_t n = 0, shown = 0, cut = 0; /* cut: where three dots would begin */

	while (*s && shown < max) {
		unsigned bytes;
		int32_t point = point_at(s, &bytes);
		const char *markup = point_markup(point);

		if (shown + 3 <= max)
			cut = n;
		if (markup && kind != TEXT_BODY_MARKUP) {
			s += bytes;
			continue;
		}
		if (markup)
			n += sprintf(buf + n, "%s", markup);
		else if (point_shows(point) || (point == '\n' && kind != TEXT_SUMMARY))
			n += sprintf(buf + n, "%.*s", (int)bytes, (const char *)s);
		else
			buf[n++] = ' ';
		s += bytes;
		shown++;
	}
	if (*s)
		n = cut + sprintf(buf + cut, "%.*s", max < 3 ? (int)max : 3, "...");
	buf[n] = '\0';
	return buf;
}

static bool icon_in(const char *folder, int n)
{
	static const char *const places[] = { "scalable", "symbolic" };
	char path[512];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/icons/hicolor/%s/apps/" ICON ".svg", n, folder,
			 places[i]);
		if (!access(path, R_OK))
			return true;
	}
	return false;
}

static bool icon_in_theme(void)
{
	const char *dirs = getenv("XDG_DATA_DIRS"), *own = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	char path[256];

	snprintf(path, sizeof(path), "%s/.local/share", home ?: "");
	own = own && *own ? own : path;
	if (icon_in(own, strlen(own)))
		return true;
	dirs = dirs && *dirs ? dirs : "/usr/local/share:/usr/share";
	for (; *dirs; dirs += strcspn(dirs, ":"), dirs += *dirs == ':')
		if (icon_in(dirs, strcspn(dirs, ":")))
			return true;
	return false;
}

const char *desktop_icon(void)
{
	static bool in_theme; /* a theme that has it keeps it; one that has not may get it */
	static char file[256];
	const char *data = getenv("TEROK_DATA");

	in_theme = in_theme || icon_in_theme();
	if (in_theme)
		return ICON;
	snprintf(file, sizeof(file), "file://%s/terok-logo.svg",
		 data && *data ? data : TEROK_DATADIR);
	return access(file + strlen("file://"), R_OK) ? "" : file;
}

/* --- messages ------------------------------------------------------------------------------ */

static int append_hints(sd_bus_message *message, const struct desktop_note *note)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_append(message, "{sv}", "urgency", "y", note->urgency);
	if (r >= 0 && note->resident)
		r = sd_bus_message_append(message, "{sv}", "resident", "b", 1);
	if (r >= 0 && note->transient)
		r = sd_bus_message_append(message, "{sv}", "transient", "b", 1);
	return r >= 0 ? sd_bus_message_close_container(message) : r;
}

static int note_message(sd_bus *connection, const char *service, const struct desktop_note *note,
			uint32_t replaces, bool markup, sd_bus_message **ret)
{
	char summary[DESKTOP_TEXT_SIZE(SUMMARY_MAX)], body[DESKTOP_TEXT_SIZE(BODY_MAX)];
	_cleanup_message_ sd_bus_message *message = NULL;
	int r;

	desktop_text(summary, SUMMARY_MAX, note->summary, TEXT_SUMMARY);
	desktop_text(body, BODY_MAX, note->body, markup ? TEXT_BODY_MARKUP : TEXT_BODY);
	r = sd_bus_message_new_method_call(connection, &message, service, PATH, SERVICE, "Notify");
	if (r >= 0)
		r = sd_bus_message_append(message, "susss", "terok", replaces, desktop_icon(),
					  summary, body);
	if (r >= 0)
		r = sd_bus_message_append_strv(message, (char **)note->actions);
	if (r >= 0)
		r = append_hints(message, note);
	if (r >= 0)
		r = sd_bus_message_append(message, "i", note->timeout_ms);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(message);
	return 0;
}

/* What the service can, of a reply to GetCapabilities; a reply of another shape: nothing. */
static void capabilities_read(sd_bus_message *reply, bool *markup, bool *actions)
{
	const char *word;

	*markup = *actions = false;
	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_enter_container(reply, 'a', "s") <= 0)
		return;
	while (sd_bus_message_read(reply, "s", &word) > 0) {
		*markup |= !strcmp(word, "body-markup");
		*actions |= !strcmp(word, "actions");
	}
}

int64_t desktop_show(const struct desktop_note *note)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *connection = NULL;
	_cleanup_message_ sd_bus_message *message = NULL, *reply = NULL, *shown = NULL;
	bool markup, actions;
	uint32_t id;
	int r = bus_open(NULL, &connection);

	if (r < 0)
		return r;
	r = sd_bus_message_new_method_call(connection, &message, SERVICE, PATH, SERVICE,
					   "GetCapabilities");
	if (r >= 0)
		r = sd_bus_call(connection, message, SHOW_US, NULL, &reply);
	if (r < 0)
		return r;
	capabilities_read(reply, &markup, &actions);
	sd_bus_message_unref(TAKE_PTR(message));
	r = note_message(connection, SERVICE, note, 0, markup, &message);
	if (r >= 0)
		r = sd_bus_call(connection, message, SHOW_US, NULL, &shown);
	if (r >= 0)
		r = sd_bus_message_read(shown, "u", &id);
	return r < 0 ? r : (int64_t)id;
}

/* --- the service ----------------------------------------------------------------------------- */

/*
 * Everything is sent to the owner itself, not to the name: whoever has the name when it arrives
 * may be the next one, which would show what we then show it again.
 */
static void desktop_lose(struct desktop *desktop)
{
	bool was_ready = desktop->ready;

	desktop->asking = sd_bus_slot_unref(desktop->asking);
	desktop->ready = false;
	desktop->owner[0] = '\0';
	if (was_ready)
		desktop->face->lost(desktop->user);
}

/* One that will not say what it can is taken for one that can nothing but show. */
static int on_capabilities(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	struct desktop *desktop = user;

	(void)error;
	desktop->asking = sd_bus_slot_unref(desktop->asking);
	capabilities_read(reply, &desktop->markup, &desktop->actions);
	desktop->ready = true;
	desktop->face->ready(desktop->user);
	return 0;
}

/* Whose the name is from now on: the bus's word; "": nobody's. */
static void desktop_own(struct desktop *desktop, const char *owner)
{
	if (!strcmp(owner, desktop->owner))
		return;
	desktop_lose(desktop);
	snprintf(desktop->owner, sizeof(desktop->owner), "%s", owner);
	desktop->absent = desktop->absent && !*owner;
	/* who had the name before has its answer dropped with the slot */
	if (*owner)
		sd_bus_call_method_async(desktop->bus.connection, &desktop->asking, owner, PATH,
					 SERVICE, "GetCapabilities", on_capabilities, desktop,
					 NULL);
}

static int on_owner_changed(sd_bus_message *message, void *user, sd_bus_error *error)
{
	const char *name, *before, *after;

	(void)error;
	if (sd_bus_message_read(message, "sss", &name, &before, &after) > 0 &&
	    !strcmp(name, SERVICE))
		desktop_own(user, after);
	return 0;
}

static int on_started(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	struct desktop *desktop = user;

	(void)error;
	desktop->starting = false;
	if (desktop->owner[0] || desktop->absent || !sd_bus_message_is_method_error(reply, NULL))
		return 0;
	desktop->absent = true;
	desktop->face->absent(sd_bus_message_get_error(reply)->message ?: "", desktop->user);
	return 0;
}

static int start_again(struct timer *timer)
{
	desktop_wake(container_of(timer, struct desktop, again));
	return 0;
}

void desktop_wake(struct desktop *desktop)
{
	uint64_t now = now_boot_ns();

	if (!desktop->bus.up || desktop->owner[0] || desktop->starting || desktop->again.loop)
		return;
	if (now < desktop->start_ns) {
		timer_arm(desktop->bus.loop, &desktop->again, desktop->start_ns, start_again);
		return;
	}
	desktop->start_ns = now + DESKTOP_START_S * SECOND_NS;
	/* that it is there is told by on_owner_changed() */
	desktop->starting = sd_bus_call_method_async(desktop->bus.connection, NULL, BUS, BUS_PATH,
						     BUS, "StartServiceByName", on_started, desktop,
						     "su", SERVICE, 0) >= 0;
}

static int on_owner(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	const char *owner;

	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL))
		desktop_wake(user);
	else if (sd_bus_message_read(reply, "s", &owner) > 0)
		desktop_own(user, owner);
	return 0;
}

static int on_signal(sd_bus_message *message, void *user, sd_bus_error *error)
{
	const char *sender = sd_bus_message_get_sender(message), *key;
	struct desktop *desktop = user;
	uint32_t id, why;

	(void)error;
	/* anybody on the bus may say so; only who has the name knows */
	if (!desktop->ready || !sender || strcmp(sender, desktop->owner))
		return 0;
	if (sd_bus_message_is_signal(message, SERVICE, "ActionInvoked")) {
		if (sd_bus_message_has_signature(message, "us") &&
		    sd_bus_message_read(message, "us", &id, &key) > 0)
			desktop->face->action(id, key, desktop->user);
	} else if (sd_bus_message_is_signal(message, SERVICE, "NotificationClosed")) {
		if (sd_bus_message_has_signature(message, "uu") &&
		    sd_bus_message_read(message, "uu", &id, &why) > 0)
			desktop->face->closed(id, why, desktop->user);
	}
	return 0;
}

/* Without clicks, notifications are still worth showing. */
static int on_match(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	(void)user;
	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL))
		log_warn(0, "the bus does not let us hear of clicks: %s",
			 sd_bus_message_get_error(reply)->message ?: "");
	return 0;
}

static int on_up(sd_bus *connection, void *user)
{
	int r = sd_bus_add_match_async(connection, NULL,
				       "type='signal',interface='" SERVICE "',path='" PATH "'",
				       on_signal, on_match, user);

	if (r >= 0)
		r = sd_bus_add_match_async(connection, NULL,
					   "type='signal',sender='" BUS "',path='" BUS_PATH
					   "',interface='" BUS
					   "',member='NameOwnerChanged',arg0='" SERVICE "'",
					   on_owner_changed, on_match, user);
	if (r >= 0)
		r = sd_bus_call_method_async(connection, NULL, BUS, BUS_PATH, BUS, "GetNameOwner",
					     on_owner, user, "s", SERVICE);
	return r;
}

static void on_down(void *user)
{
	struct desktop *desktop = user;

	desktop->starting = false;
	desktop_lose(desktop);
}

static const struct bus_face bus_face = { .up = on_up, .down = on_down };

int desktop_start(struct desktop *desktop, struct problem *why)
{
	desktop->bus.face = &bus_face;
	desktop->bus.user = desktop;
	return bus_start(&desktop->bus, why);
}

void desktop_stop(struct desktop *desktop)
{
	desktop->asking = sd_bus_slot_unref(desktop->asking);
	desktop->ready = false;
	timer_disarm(&desktop->again);
	bus_stop(&desktop->bus);
}

static int on_shown(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	const char *sender = sd_bus_message_get_sender(reply);
	struct desktop *desktop = user;
	uint32_t id = 0;
	uint64_t call;

	(void)error;
	if (sd_bus_message_get_reply_cookie(reply, &call) < 0)
		return 0;
	if (!desktop->ready) /* it was not told of, but lost */
		return 0;
	if (sd_bus_message_is_method_error(reply, NULL))
		log_warn(0, "a notification was not shown: %s",
			 sd_bus_message_get_error(reply)->message ?: "");
	else if (sender && !strcmp(sender, desktop->owner))
		sd_bus_message_read(reply, "u", &id);
	desktop->face->sent(call, id, desktop->user);
	return 0;
}

int desktop_notify(struct desktop *desktop, const struct desktop_note *note, uint32_t replaces,
		   uint64_t *ret)
{
	_cleanup_message_ sd_bus_message *message = NULL;
	struct desktop_note shown = *note;
	int r;

	if (!desktop->ready)
		return -ENOTCONN;
	if (!desktop->actions)
		shown.actions = NULL;
	r = note_message(desktop->bus.connection, desktop->owner, &shown, replaces, desktop->markup,
			 &message);
	if (r >= 0)
		r = sd_bus_call_async(desktop->bus.connection, NULL, message, on_shown, desktop, 0);
	if (r >= 0)
		r = sd_bus_message_get_cookie(message, ret);
	return r < 0 ? r : 0;
}

void desktop_close(struct desktop *desktop, uint32_t id)
{
	_cleanup_message_ sd_bus_message *message = NULL;

	if (!desktop->ready ||
	    sd_bus_message_new_method_call(desktop->bus.connection, &message, desktop->owner, PATH,
					   SERVICE, "CloseNotification") < 0 ||
	    sd_bus_message_append(message, "u", id) < 0)
		return;
	/* what was closed already is an error of theirs that nobody needs */
	sd_bus_message_set_expect_reply(message, false);
	sd_bus_send(desktop->bus.connection, message, NULL);
}
