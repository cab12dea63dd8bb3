// SPDX-License-Identifier: Apache-2.0
#include "helper_serve.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sanitise.h"
#include "base/spawn.h"
#include "org.terok.ClearanceVerdict1.varlink.h"
#include "terok/push.h"

#define VERDICT   "org.terok.ClearanceVerdict1"
#define SHIELD    "terok-shield"
#define SAFE_PATH "/usr/local/bin:/usr/bin:/bin"
#define ENDS      "the helper is about to end"
#define SHOWN     512 /* characters of what the shield says */

struct verdict {
	struct verdict *next;
	struct helper *helper;
	struct varlink_call *call; /* NULL: nobody waits */
	struct spawn_child *child; /* NULL: it waits for its turn */
	bool allow;
	char container[HELPER_TEXT_MAX + 1], dest[HELPER_TEXT_MAX + 1];
};

struct helper {
	struct loop *loop;
	struct varlink_server *server;
	const char *program;
	uint64_t limit_ns;
	struct verdict *verdicts; /* oldest first */
	unsigned running;
	void (*idle)(void *user); /* not NULL: nothing new is begun */
	void *user;
};

/* --- the shield's program ------------------------------------------------------------ */

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

static bool beside_us(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	if (n < 0)
		return false;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash || (size_t)(slash + 1 - buf) + sizeof(SHIELD) > size)
		return false;
	strcpy(slash + 1, SHIELD);
	return is_program(buf);
}

/* A part of the PATH that is empty or begins anywhere else is a folder of chance. */
static bool in_path(char *buf, size_t size)
{
	const char *path = getenv("PATH") ?: SAFE_PATH, *end;

	for (; *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (*path == '/' &&
		    snprintf(buf, size, "%.*s/" SHIELD, (int)(end - path), path) < (int)size &&
		    is_program(buf))
			return true;
	}
	return false;
}

/* Where a user's own programs are. A service manager's PATH often knows nothing of it. */
static bool at_home(char *buf, size_t size)
{
	const char *home = getenv("HOME");

	return home && *home == '/' &&
	       snprintf(buf, size, "%s/.local/bin/" SHIELD, home) < (int)size && is_program(buf);
}

/* --- verdicts ------------------------------------------------------------------------ */

static void reply(struct varlink_call *call, bool ok, const char *text)
{
	_cleanup_json_ struct json out = {};

	json_open_object(&out, NULL);
	json_add_bool(&out, "ok", ok);
	json_add_string(&out, "stderr", text);
	json_close_object(&out);
	varlink_reply(call, json_done(&out));
}

static void verdicts_begin(struct helper *helper);

static void verdict_remove(struct verdict *verdict)
{
	struct verdict **slot = &verdict->helper->verdicts;

	while (*slot != verdict)
		slot = &(*slot)->next;
	*slot = verdict->next;
	free(verdict);
}

/* It is answered; the next that waits has its turn. */
static void verdict_over(struct verdict *verdict, bool ok, const char *text)
{
	struct varlink_call *call = verdict->call;
	struct helper *helper = verdict->helper;

	helper->running -= verdict->child != NULL;
	verdict_remove(verdict);
	if (call)
		reply(call, ok, text);
	verdicts_begin(helper);
	if (helper->idle && !helper->running)
		helper->idle(helper->user);
}

/* The ends of what it said without white space, on one line. */
static const char *said(char buf[static SHOWN + 1], const char *text)
{
	size_t n = strlen(text);

	while (n && isspace((unsigned char)*text))
		text++, n--;
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	return sanitise(buf, SHOWN, text, n);
}

static void on_ended(const struct spawn_result *result, int error, void *user)
{
	struct verdict *verdict = user;
	char buf[SHOWN + 1];

	snprintf(buf, sizeof(buf), "timed out after %.1fs", verdict->helper->limit_ns / 1e9);
	if (error == -ETIMEDOUT)
		verdict_over(verdict, false, buf);
	else if (error)
		verdict_over(verdict, false, "the shield could not be followed");
	else
		verdict_over(verdict, result->status == 0, said(buf, result->error));
}

/* Run @program; NULL: there is none. */
static void verdict_begin(struct verdict *verdict, const char *program)
{
	const char *const argv[] = { program, verdict->allow ? "allow" : "deny", verdict->container,
				     verdict->dest, NULL };
	struct helper *helper = verdict->helper;
	struct spawn spawn = { argv, (const char *const *)environ, helper->limit_ns, 0, 0 };
	char text[128] = SHIELD " not found on PATH";
	int r = -ENOENT;

	if (program)
		r = spawn_begin(helper->loop, &spawn, on_ended, verdict, &verdict->child, NULL);
	if (!r) {
		helper->running++;
		return;
	}
	if (r != -ENOENT)
		snprintf(text, sizeof(text), "spawn failed: %s", strerror(-r));
	verdict_over(verdict, false, text);
}

/* The oldest that waits, if there is room for it; what is over at once asks for the next. */
static void verdicts_begin(struct helper *helper)
{
	struct verdict *verdict = helper->verdicts;
	const char *program = helper->program;
	char path[4096];

	while (verdict && verdict->child)
		verdict = verdict->next;
	if (!verdict || helper->running == HELPER_RUNNING_MAX)
		return;
	if (helper->idle) {
		verdict_over(verdict, false, ENDS);
		return;
	}
	if (!program && (beside_us(path, sizeof(path)) || in_path(path, sizeof(path)) ||
			 at_home(path, sizeof(path))))
		program = path;
	verdict_begin(verdict, program);
}

/* Nobody waits for it: what runs comes to its end, what does not is not begun. */
static void verdict_gone(void *owner)
{
	struct verdict *verdict = owner;

	if (verdict->child)
		verdict->call = NULL;
	else
		verdict_remove(verdict);
}

/* --- calls --------------------------------------------------------------------------- */

/* Why these words do not become a command line; NULL: they may. */
static const char *refusal(const char *container, const char *dest, const char *action)
{
	if (strcmp(action, "allow") && strcmp(action, "deny"))
		return "the action is allow or deny";
	if (!*container || !*dest)
		return "a container and a destination have names";
	if (*container == '-' || *dest == '-')
		return "no container or destination begins with a dash";
	if (strlen(container) > HELPER_TEXT_MAX || strlen(dest) > HELPER_TEXT_MAX)
		return "a container or destination has at most 256 bytes";
	return NULL;
}

static void run_apply(struct varlink_call *call, struct json_object *parameters)
{
	const char *container = json_text(parameters, "container"),
		   *dest = json_text(parameters, "dest"), *action = json_text(parameters, "action"),
		   *refused = refusal(container, dest, action);
	struct helper *helper = varlink_call_user(call);
	struct verdict *verdict, **slot = &helper->verdicts;

	if (helper->idle)
		refused = ENDS;
	if (refused) {
		reply(call, false, refused);
		return;
	}
	if (terok_is_deed(dest)) { /* who asked has heard it as well, and does what it says */
		reply(call, true, "");
		return;
	}
	verdict = calloc(1, sizeof(*verdict));
	if (!verdict) {
		reply(call, false, "no memory");
		return;
	}
	verdict->helper = helper;
	verdict->call = call;
	verdict->allow = !strcmp(action, "allow");
	strcpy(verdict->container, container);
	strcpy(verdict->dest, dest);
	while (*slot)
		slot = &(*slot)->next;
	*slot = verdict;
	varlink_keep(call, verdict, NULL, verdict_gone);
	verdicts_begin(helper);
}

static const struct varlink_param apply_params[] = {
	{ "container", json_type_string, false },
	{ "dest", json_type_string, false },
	{ "action", json_type_string, false },
};
static const struct varlink_method methods[] = {
	{ "Apply", apply_params, 3, false, run_apply },
};
static const struct varlink_interface interfaces[] = {
	{ VERDICT, org_terok_ClearanceVerdict1_varlink, methods, 1 },
};
static const struct varlink_info info = { "terok", "terok-clearance-verdict", TEROK_VERSION,
					  "https://github.com/terok-ai/terok-clearance" };

int helper_new(struct loop *loop, int fd, const char *program, uint64_t limit_ns,
	       struct helper **ret)
{
	struct helper *helper = calloc(1, sizeof(*helper));
	int r;

	if (!helper)
		return -ENOMEM;
	helper->loop = loop;
	helper->program = program;
	helper->limit_ns = limit_ns;
	r = varlink_server_new(loop, fd, &info, interfaces, 1, helper, &helper->server);
	if (r) {
		free(helper);
		return r;
	}
	varlink_server_own(helper->server, getuid());
	*ret = helper;
	return 0;
}

void helper_free(struct helper *helper)
{
	struct verdict *verdict;

	if (!helper)
		return;
	varlink_server_free(helper->server); /* nobody waits any more */
	while ((verdict = helper->verdicts)) {
		spawn_end(verdict->child);
		verdict_remove(verdict);
	}
	free(helper);
}

void helper_close(struct helper *helper, void (*idle)(void *user), void *user)
{
	helper->idle = idle;
	helper->user = user;
	verdicts_begin(helper); /* what has not begun is answered */
	if (!helper->running)
		idle(user);
}
