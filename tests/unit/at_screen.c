// SPDX-License-Identifier: Apache-2.0
#include "at_screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct session session;
struct ui ui;
struct canvas canvas;
char did[4096];
int answer_result;

static int note_answer(struct item *item, const struct answer_choice *choice, void *user)
{
	(void)user;
	if (answer_result)
		return answer_result;
	snprintf(did + strlen(did), sizeof(did) - strlen(did), "%s %s %s%s%s%s%s;",
		 choice->allow ? "allow" : "deny", item->request_id, choice->scope,
		 choice->reach ? " " : "", choice->reach ?: "", choice->ports ? " " : "",
		 choice->ports ?: "");
	strcpy(item->answer.action, choice->allow ? "allow" : "deny");
	list_set(&session.list, item, ITEM_ANSWERED);
	return 0;
}

static int note_revoke(const struct grant *grant, void *user)
{
	(void)user;
	snprintf(did + strlen(did), sizeof(did) - strlen(did), "revoke %s;", grant->grant);
	return 0;
}

static void note_watch(enum ui_view view, void *user)
{
	(void)user;
	snprintf(did + strlen(did), sizeof(did) - strlen(did), "watch %d;", view);
}

static void note_older(void *user)
{
	(void)user;
	strcat(did, "older;");
}

static void note_quit(void *user)
{
	(void)user;
	strcat(did, "quit;");
}

static const struct ui_actions actions = { note_answer, note_revoke, note_watch, note_older,
					   note_quit };

int screen_setup(void **state)
{
	(void)state;
	session.connected = true;
	ui = (struct ui){ .session = &session, .actions = &actions };
	did[0] = '\0';
	answer_result = 0;
	return canvas_resize(&canvas, 24, 80);
}

int screen_teardown(void **state)
{
	(void)state;
	list_done(&session.list);
	grants_done(&session.grants);
	history_done(&session.history);
	memset(&session, 0, sizeof(session));
	ui_done(&ui);
	canvas_done(&canvas);
	return 0;
}

static struct terok_event event_of(const char *id, int guard, const char *domain, const char *dest)
{
	return (struct terok_event){
		.type = "request",
		.request_id = id,
		.guard = guard,
		.container = "0123456789abcdef",
		.name = guard == 1 ? "web" : "db",
		.dest = dest,
		.domain = domain,
		.port = 443,
		.proto = 6,
		.count = 1,
		.reason = "default",
		.hook = "connect4",
		.said = "",
		.rule = "",
		.client = "",
		.json = "{}",
		.process = { .pid = 4711,
			     .uid = 1000,
			     .comm = "curl",
			     .parent_comm = "bash",
			     .exe = "/usr/bin/curl",
			     .cmdline = "curl -sS x" },
	};
}

struct item *comes(const char *id, int guard, const char *domain, const char *dest)
{
	const struct terok_event event = event_of(id, guard, domain, dest);
	bool fresh;

	return list_told(&session.list, &event, &fresh);
}

void keys(const char *text)
{
	for (; *text; text++)
		ui_key(&ui, *text);
}

void draw(void)
{
	ui_draw(&ui, &canvas);
}

const char *row(int y)
{
	static char buf[512];

	return canvas_row(&canvas, y, buf);
}

int row_of(const char *text)
{
	draw();
	for (int y = 0; y < canvas.rows; y++)
		if (strstr(row(y), text))
			return y;
	return -1;
}

bool on_screen(const char *text)
{
	return row_of(text) >= 0;
}

void did_is(const char *want)
{
	assert_string_equal(did, want);
	did[0] = '\0';
	draw();
}

struct node *cursor(void)
{
	return list_cursor(&session.list);
}

void cursor_to(const char *id)
{
	session.list.cursor = &list_find_id(&session.list, id)->node;
	draw();
}

void grant_add(const char *id, const char *dest, uint64_t left_ns)
{
	struct grant grant = { .port = 443, .proto = 6, .uid = 1000 };

	snprintf(grant.grant, sizeof(grant.grant), "%s", id);
	snprintf(grant.dest, sizeof(grant.dest), "%s", dest);
	strcpy(grant.name, "web");
	strcpy(grant.action, "allow");
	strcpy(grant.scope, left_ns ? "time" : "session");
	grant.until_ns = left_ns ? now_boot_ns() + left_ns : 0;
	grants_add(&session.grants, &grant);
}
