// SPDX-License-Identifier: Apache-2.0
#include "systemd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/spawn.h"

#define ASK_S     5
#define WORDS_MAX 8
#define SAID_MAX  8192

/* Of our environment it has what it finds the manager and the user's units by. */
static const char *const inherited[] = { "PATH",
					 "HOME",
					 "XDG_RUNTIME_DIR",
					 "XDG_CONFIG_HOME",
					 "XDG_DATA_HOME",
					 "DBUS_SESSION_BUS_ADDRESS" };
#define INHERITED (sizeof(inherited) / sizeof(*inherited))

struct environment {
	const char *item[INHERITED + 4];
	char *made[INHERITED + 1];
	unsigned n;
};

static void add(struct environment *env, const char *name, const char *value)
{
	char *text = NULL;

	if (value && asprintf(&text, "%s=%s", name, value) >= 0)
		env->item[env->n] = env->made[env->n] = text, env->n++;
}

static void environment_make(struct environment *env)
{
	char runtime[32];

	*env = (struct environment){};
	for (unsigned i = 0; i < INHERITED; i++)
		add(env, inherited[i], getenv(inherited[i]));
	/* a shell that no login began (cron, su) is the same user's for all that */
	snprintf(runtime, sizeof(runtime), "/run/user/%u", geteuid());
	if (!getenv("XDG_RUNTIME_DIR") && !access(runtime, X_OK))
		add(env, "XDG_RUNTIME_DIR", runtime);
	env->item[env->n] = "LC_ALL=C";
	env->item[env->n + 1] = "SYSTEMD_COLORS=0";
}

bool systemd_of_system(const struct service *service)
{
	return service->system && !geteuid();
}

const char *systemd_ctl(const struct service *service)
{
	return systemd_of_system(service) ? "systemctl" : "systemctl --user";
}

static int ask(const struct service *service, const char *const *words, unsigned limit_s,
	       struct spawn_result *ret, struct problem *why)
{
	const char *argv[WORDS_MAX + 4] = { "systemctl",
					    systemd_of_system(service) ? "--system" : "--user",
					    "--no-ask-password" };
	struct environment env;
	int r;

	for (unsigned i = 0; words[i]; i++) {
		if (i == WORDS_MAX)
			return problem(why, -E2BIG, "too many words for systemctl");
		argv[3 + i] = words[i];
	}
	environment_make(&env);
	r = spawn_run(&(struct spawn){ .argv = argv,
				       .env = env.item,
				       .limit_ns = limit_s * SECOND_NS,
				       .output_max = SAID_MAX },
		      ret, why);
	for (unsigned i = 0; i < env.n; i++)
		free(env.made[i]);
	return r;
}

/* The first line of what it said, without what a terminal would obey. */
static const char *said(struct spawn_result *result, char *buf, size_t size)
{
	result->error[strcspn(result->error, "\n")] = '\0';
	return log_safe(buf, size, *result->error ? result->error : "it says nothing");
}

static bool word_is(const struct spawn_result *result, const char *word)
{
	size_t n = strlen(word);

	return result->output && !strncmp(result->output, word, n) &&
	       strchr("\n", result->output[n]);
}

int systemd_available(const struct service *service, struct problem *why)
{
	const char *const words[] = { "is-system-running", NULL };
	struct spawn_result result;
	char text[160];
	bool good;
	int r = ask(service, words, ASK_S, &result, why);

	if (r)
		return r;
	/* 1 is "degraded", or still starting; but 1 is also that nobody answered */
	good = result.status <= 1 && !word_is(&result, "offline") && !word_is(&result, "unknown") &&
	       (result.size || !*result.error);
	if (!good)
		r = problem(why, -ENOTCONN,
			    "the service manager of this %s does not answer (%s "
			    "is-system-running: %s)",
			    systemd_of_system(service) ? "system" : "user", systemd_ctl(service),
			    said(&result, text, sizeof(text)));
	spawn_result_done(&result);
	return r;
}

int systemd_is_active(const struct service *service, const char *unit, struct problem *why)
{
	const char *const words[] = { "is-active", unit, NULL };
	struct spawn_result result;
	char text[160];
	int r = ask(service, words, ASK_S, &result, why);

	if (r)
		return r;
	if (result.size || !*result.error)
		r = word_is(&result, "active");
	else
		r = problem(why, -ENOTCONN, "%s is-active %s: %s", systemd_ctl(service), unit,
			    said(&result, text, sizeof(text)));
	spawn_result_done(&result);
	return r;
}

int systemd_main_pid(const struct service *service, const char *unit)
{
	const char *const words[] = { "show", "--value", "--property=MainPID", unit, NULL };
	struct spawn_result result;
	int pid;

	if (ask(service, words, ASK_S, &result, NULL))
		return 0;
	pid = result.output ? atoi(result.output) : 0;
	spawn_result_done(&result);
	return pid > 0 ? pid : 0;
}

int systemd_do(const struct service *service, const char *const *words, unsigned limit_s,
	       struct problem *why)
{
	struct spawn_result result;
	char text[160];
	const char *unit = "";
	int r = ask(service, words, limit_s, &result, why);

	if (r)
		return r;
	for (unsigned i = 1; words[i]; i++)
		unit = words[i];
	if (result.status)
		r = problem(why, -EIO, "%s %s %s: %s", systemd_ctl(service), words[0], unit,
			    said(&result, text, sizeof(text)));
	spawn_result_done(&result);
	return r;
}
