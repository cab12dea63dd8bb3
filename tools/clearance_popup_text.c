// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_popup_text.c - what popups say (clearance_popup.h)
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/sanitise.h"
#include "clearance_popup.h"

/* The contract's first; some desktops show three. */
const char *const popup_actions[2 * POPUP_CHOICES + 1] = {
	"allow",      "Allow",      "deny",          "Deny",
	"allow-once", "Allow once", "allow-forever", "Always allow",
};

static const char *const two_actions[] = { "allow", "Allow", "deny", "Deny", NULL };

unsigned popup_categories(const char *text)
{
	static const char *const words[] = {
		"blocked",     "verdict",           "shield_up",
		"shield_down", "container_started", "container_exited"
	};
	unsigned set = 0;

	while (*text) {
		size_t n = strcspn(text, ",");

		for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i]) == n && !strncmp(words[i], text, n))
				set |= 1U << i;
		text += n;
		text += *text == ',';
	}
	return set;
}

const char *popup_label(char buf[static POPUP_LABEL], const char *project, const char *task,
			const char *name, const char *container)
{
	if (*project && *task)
		snprintf(buf, POPUP_LABEL, "%.60s/%.60s%s%.72s", project, task,
			 *name ? " \xc2\xb7 " : "", name);
	else
		snprintf(buf, POPUP_LABEL, "%s", *name ? name : container);
	return buf;
}

/* A value of the dossier, if there is one; one line, whatever its hub made of it. */
static const char *dossier_text(char buf[static SANITISE_MAX + 1], struct json_object *dossier,
				const char *key)
{
	const char *text = dossier ? json_text(dossier, key) ?: "" : "";

	return sanitise(buf, SANITISE_MAX, text, strlen(text));
}

void popup_label_set(struct popup *popup, const struct terok_event *event)
{
	char project[SANITISE_MAX + 1], task[SANITISE_MAX + 1], name[SANITISE_MAX + 1];
	_cleanup_(json_putp) struct json_object *json = NULL;
	struct json_object *dossier = NULL;

	if (strstr(event->json, "\"dossier\"") &&
	    !json_parse(event->json, strlen(event->json), &json))
		dossier = json_member(json, "dossier", json_type_object);
	dossier_text(project, dossier, "project");
	dossier_text(task, dossier, "task");
	dossier_text(name, dossier, "name");
	popup_label(popup->label, project, task, *event->name ? event->name : name,
		    event->container);
	popup->task = *project && *task;
}

void popup_asker_set(struct popup *popup, const struct terok_event *event)
{
	const struct terok_process *process = &event->process;
	size_t n = 0;

	snprintf(popup->rule, sizeof(popup->rule), "%s", event->rule);
	if (!*process->exe && !*process->comm)
		return;
	snprintf(popup->process, sizeof(popup->process), "%s[%" PRId64 "]",
		 *process->exe ? process->exe : process->comm, process->pid);
	popup->parents[0] = '\0';
	for (unsigned i = 0; i < event->parents && n < sizeof(popup->parents); i++)
		n += snprintf(popup->parents + n, sizeof(popup->parents) - n, "%s%s", i ? ", " : "",
			      event->parent[i]);
}

void popup_body_begin(const struct popup *popup, char *buf, size_t size)
{
	snprintf(buf, size, "%s: %s", popup->task ? "Task" : "Container", popup->label);
}

void popup_body_add(char *buf, size_t size, const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	if (n + 1 < size) {
		buf[n] = '\n';
		vsnprintf(buf + n + 1, size - n - 1, fmt, ap);
	}
	va_end(ap);
}

/* The clock's time of one of CLOCK_BOOTTIME; beyond a day with its date. */
static void until_text(char *buf, size_t size, int64_t boot_ns)
{
	time_t left = (boot_ns - (int64_t)now_boot_ns()) / (int64_t)SECOND_NS;
	time_t at = time(NULL) + left;
	struct tm tm;

	if (!localtime_r(&at, &tm) ||
	    !strftime(buf, size, left < 24 * 3600 ? "Until %T" : "Until %F %R", &tm))
		*buf = '\0';
}

const char *popup_terms(char buf[static POPUP_TERMS], const char *scope, int64_t until_ns,
			int64_t uid, const char *client)
{
	char until[40] = "", by[72] = "";

	if (!strcmp(scope, "session"))
		snprintf(until, sizeof(until), "Until the container ends");
	else if (!strcmp(scope, "forever"))
		snprintf(until, sizeof(until), "For ever");
	else if (until_ns)
		until_text(until, sizeof(until), until_ns);
	if (uid != getuid())
		snprintf(by, sizeof(by), "By user %" PRId64 "%s%.32s", uid, *client ? ", " : "",
			 client);
	snprintf(buf, POPUP_TERMS, "%s%s%s", until, *until && *by ? "\n" : "", by);
	return buf;
}

static void blocked_summary(const struct popup *popup, char *buf, size_t size)
{
	bool v6 = strchr(popup->target, ':') != NULL;

	if (!popup->port && !popup->proto) /* a name that was refused */
		snprintf(buf, size, "Blocked: %s", popup->target);
	else
		snprintf(buf, size, v6 ? "Blocked: [%s]:%" PRId64 : "Blocked: %s:%" PRId64,
			 popup->target, popup->port);
}

static void blocked_body(const struct popup *popup, bool buttons, char *buf, size_t size)
{
	struct tm tm;
	char at[16];

	popup_body_begin(popup, buf, size);
	if (popup->proto == 6 || popup->proto == 17)
		popup_body_add(buf, size, "Protocol: %s", popup->proto == 6 ? "TCP" : "UDP");
	else if (popup->proto)
		popup_body_add(buf, size, "Protocol: %" PRId64, popup->proto);
	if (popup->count > 1 && localtime_r(&popup->since, &tm) &&
	    strftime(at, sizeof(at), "%H:%M:%S", &tm))
		popup_body_add(buf, size, "Blocked %" PRId64 " times since %s", popup->count, at);
	if (popup->process[0])
		popup_body_add(buf, size, "Process: %s", popup->process);
	if (popup->parents[0])
		popup_body_add(buf, size, "Started by: %s", popup->parents);
	if (popup->rule[0])
		popup_body_add(buf, size, "Rule: %s", popup->rule);
	if (!buttons)
		popup_body_add(buf, size, "terok-clearance answer %s allow|deny%s",
			       popup->request_id, popup->guard ? "" : " --scope forever");
}

void popup_note(const struct popup *popup, bool buttons, struct desktop_note *note, char *summary,
		char *body)
{
	*note = (struct desktop_note){ .summary = popup->summary,
				       .body = popup->body,
				       .urgency = popup->urgency,
				       .timeout_ms = DESKTOP_AS_IT_DOES,
				       .transient = popup->urgency != URGENCY_CRITICAL };
	if (popup->kind == KIND_MORE) {
		note->transient = false;
		note->timeout_ms = DESKTOP_NEVER;
	}
	if (popup->kind != KIND_BLOCKED)
		return;
	blocked_summary(popup, summary, SUMMARY_MAX + 1);
	blocked_body(popup, buttons, body, BODY_MAX + 1);
	note->summary = summary;
	note->body = body;
	note->urgency = URGENCY_CRITICAL;
	note->actions = popup_choices(popup) == POPUP_CHOICES ? popup_actions : two_actions;
	note->resident = true;
	note->transient = false;
	note->timeout_ms = DESKTOP_NEVER;
}
