// SPDX-License-Identifier: Apache-2.0
#include "sandbox_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox_env.h"
#include "sandbox_redact.h"

#define PASTA_HOST "169.254.1.2" /* where pasta has the host's loopback */
#define SLIRP_HOST "10.0.2.2"

char *command_guard_words(const struct spec *spec, const struct command_host *host)
{
	char *ret = NULL;
	size_t size;
	FILE *to = open_memstream(&ret, &size);
	const char *between = "";

	if (!to)
		return NULL;
	if (spec->guard)
		fputs(spec->guard, to), between = " ";
	for (unsigned i = 0; i < spec->profiles.n; i++)
		fprintf(to, "%s%s",
			i          ? ":"
			: *between ? " profiles="
				   : "profiles=",
			spec->profiles.word[i]),
		    between = " ";
	for (unsigned i = 0; i < spec->publish.n; i++) {
		const char *port = strrchr(spec->publish.word[i], ':');

		port = port ? port + 1 : spec->publish.word[i];
		fprintf(to, "%s%.*s%s",
			i          ? ":"
			: *between ? " publish="
				   : "publish=",
			(int)strcspn(port, "/"), port, strstr(port, "/udp") ? "/udp" : "");
		between = " ";
	}
	/* root's containers have no way to the host's loopback */
	for (unsigned i = 0; !host->root && !spec->network && i < spec->n_loopback; i++)
		fprintf(to, "%s%u",
			i          ? ":"
			: *between ? " host-ports="
				   : "host-ports=",
			spec->loopback[i]),
		    between = " ";
	if (!host->root && !spec->network && spec->n_loopback && !host->pasta)
		fputs(" gateway=" SLIRP_HOST, to);
	if (!fclose(to))
		return ret;
	free(ret);
	return NULL;
}

static void add_two(struct words *argv, const char *flag, const char *value)
{
	words_add(argv, flag);
	words_add(argv, value);
}

/* Podman before 5 reads the value as a line of CSV, and splits it at a comma without quotes. */
static void add_annotation(struct words *argv, const char *pair, unsigned podman)
{
	_cleanup_free_ char *quoted = NULL;
	size_t size;
	FILE *to;

	if (podman >= 5 || !strpbrk(pair, ",\"")) {
		add_two(argv, "--annotation", pair);
		return;
	}
	to = open_memstream(&quoted, &size);
	if (!to) {
		argv->failed = true;
		return;
	}
	fputc('"', to);
	for (; *pair; pair++)
		fprintf(to, *pair == '"' ? "\"\"" : "%c", *pair);
	fputc('"', to);
	if (fclose(to))
		argv->failed = true;
	else
		add_two(argv, "--annotation", quoted);
}

/* The network that reaches the host's loopback, where our services are; a guard says which ports. */
static void add_network(struct words *argv, const struct spec *spec,
			const struct command_host *host)
{
	if (spec->network) {
		add_two(argv, "--network", spec->network);
	} else if (host->root) {
		return;
	} else if (host->pasta) {
		add_two(argv, "--network", "pasta:--map-host-loopback," PASTA_HOST);
		add_two(argv, "--add-host", "host.containers.internal:" PASTA_HOST);
	} else {
		add_two(argv, "--network", "slirp4netns:allow_host_loopback=true");
		add_two(argv, "--add-host", "host.containers.internal:" SLIRP_HOST);
	}
}

static int add_guard(struct words *argv, const struct spec *spec, const struct command_host *host)
{
	_cleanup_free_ char *words = command_guard_words(spec, host);

	if (!words)
		return -ENOMEM;
	add_network(argv, spec, host);
	words_add(argv, "--annotation");
	words_addf(argv, "terok.guard=%s", words);
	add_two(argv, "--cap-drop", "NET_ADMIN");
	add_two(argv, "--cap-drop", "NET_RAW");
	/* without a cgroup of its own it could not be told from the shell that started it */
	if (host->cgroup_parent)
		add_two(argv, "--cgroup-parent", host->cgroup_parent);
	return 0;
}

static void add_gpus(struct words *argv, const struct spec *spec, const struct command_host *host)
{
	bool any = false;

	for (unsigned i = 0; i < GPU_MAX_; i++)
		any |= host->gpu[i];
	for (unsigned i = 0; i < GPU_MAX_; i++) {
		const char *device = spec->gpu[i];

		/* with none to be found podman is asked for NVIDIA's, and says what is missing */
		if (!device && spec->gpu_all && (any ? host->gpu[i] : i == GPU_NVIDIA))
			device = "all";
		if (!device)
			continue;
		words_add(argv, "--device");
		words_addf(argv, "%s.com/gpu=%s", spec_gpu_name[i], device);
		if (i != GPU_NVIDIA)
			continue;
		words_add(argv, "-e");
		words_addf(argv, "NVIDIA_VISIBLE_DEVICES=%s", device);
		add_two(argv, "-e", "NVIDIA_DRIVER_CAPABILITIES=all");
	}
}

/* Unless a person says who the first process is: podman has no init in other people's processes. */
static bool wants_init(const struct spec *spec)
{
	for (unsigned i = 0; i < spec->extra.n; i++) {
		const char *word = spec->extra.word[i];

		if (!strncmp(word, "--init", 6) || !strncmp(word, "--pid=", 6) ||
		    !strcmp(word, "--pid") || !strncmp(word, "--systemd", 9))
			return false;
	}
	return true;
}

/* All that stands before the environment, in the order that is the contract's. */
static int add_front(struct words *argv, const struct spec *spec, const struct command_host *host)
{
	int r = 0;

	words_add(argv, "podman");
	words_add(argv, "run");
	words_add(argv, "-d");
	if (spec->ephemeral)
		words_add(argv, "--rm");
	if (host->init && wants_init(spec))
		words_add(argv, "--init");
	if (!host->root)
		words_add(argv, "--userns=keep-id:uid=1000,gid=1000");
	if (spec->runtime)
		add_two(argv, "--runtime", spec->runtime);
	for (unsigned i = 0; i < spec->annotations.n; i++)
		add_annotation(argv, spec->annotations.word[i], host->podman);
	if (spec->restricted)
		add_two(argv, "--security-opt", "no-new-privileges");
	if (spec->no_guard)
		add_network(argv, spec, host);
	else
		r = add_guard(argv, spec, host);
	add_gpus(argv, spec, host);
	if (spec->memory)
		add_two(argv, "--memory", spec->memory);
	if (spec->cpus)
		add_two(argv, "--cpus", spec->cpus);
	for (unsigned i = 0; i < spec->caps.n; i++)
		add_two(argv, "--cap-add", spec->caps.word[i]);
	for (unsigned i = 0; i < spec->publish.n; i++)
		add_two(argv, "-p", spec->publish.word[i]);
	words_add_all(argv, &spec->extra);
	for (unsigned i = 0; i < spec->volumes.n; i++)
		add_two(argv, "-v", spec->volumes.word[i]);
	return r;
}

static void add_back(struct words *argv, const struct spec *spec)
{
	add_two(argv, "--name", spec->name);
	if (spec->hostname)
		add_two(argv, "--hostname", spec->hostname);
	add_two(argv, "-w", spec->workdir);
	words_add(argv, spec->image);
	words_add_all(argv, &spec->command);
}

/* The same line with each variable on it, as a person would have it. */
static int make_shown(const struct spec *spec, const struct command_host *host, struct words *ret)
{
	_cleanup_words_ struct words line = {};
	int r = add_front(&line, spec, host);

	for (unsigned i = 0; i < spec->env.n; i++)
		add_two(&line, "-e", spec->env.word[i]);
	add_back(&line, spec);
	redact_words(&line, &spec->env, ret);
	return r ? r : words_error(ret);
}

int command_build(const struct spec *spec, const struct command_host *host, char **ours,
		  struct command *ret, struct problem *why)
{
	struct command command = { .env_fd = -1 };
	int r = make_shown(spec, host, &command.shown);

	for (; *ours; ours++)
		words_add(&command.env, *ours);
	if (!r)
		r = add_front(&command.argv, spec, host);
	if (!r)
		r = env_carry(&spec->env, &command.argv, &command.env, &command.env_fd, why);
	add_back(&command.argv, spec);
	if (!r)
		r = words_error(&command.argv) ?: words_error(&command.env);
	if (r)
		command_done(&command);
	else
		*ret = command;
	return r;
}

void command_done(struct command *command)
{
	words_free(&command->argv);
	words_free(&command->shown);
	words_free(&command->env);
	closep(&command->env_fd);
}
