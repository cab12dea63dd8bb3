// SPDX-License-Identifier: Apache-2.0
#include "sandbox_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/log.h"
#include "sandbox_passed.h"

/* As they stand on the command line. */
struct said {
	const char *spec, *memory, *cpus, *hostname, *gpus, *runtime, *guard, *profiles, *network;
	const char *workdir, *task_dir, *loopback, *hook_s, *marker, *ready_s, *grace;
	struct cli_list env, volumes, publish, caps, annotations, dossier, hooks;
	bool restricted, unrestricted, ephemeral, no_guard, ready;
};

/* A whole spec from a file or, as "-", from standard input. */
static int read_spec(const char *path, char **ret, size_t *ret_size, struct problem *why)
{
	_cleanup_close_ int opened = -1;
	_cleanup_free_ char *text = malloc(SPEC_MAX + 2);
	int fd = STDIN_FILENO;
	size_t at = 0;
	ssize_t n = 1;

	if (strcmp(path, "-"))
		fd = opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (!text)
		return -ENOMEM;
	if (fd < 0)
		return problem(why, -errno, "spec '%.100s': %s", path, strerror(errno));
	while (n > 0 && at <= SPEC_MAX) {
		n = read(fd, text + at, SPEC_MAX + 1 - at);
		if (n < 0)
			return problem(why, -errno, "spec '%.100s': %s", path, strerror(errno));
		at += n;
	}
	*ret_size = at;
	*ret = TAKE_PTR(text);
	return 0;
}

static int take_spec(struct spec *spec, const char *path, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = path ? read_spec(path, &text, &size, why) : 0;

	if (!r && path) {
		r = spec_parse(spec, text, size, why);
		explicit_bzero(text, size);
	}
	return r;
}

/* Each of a list goes to @each. */
static int take_list(struct spec *spec, const struct cli_list *list,
		     int (*each)(struct spec *, const char *, struct problem *),
		     struct problem *why)
{
	int r = 0;

	for (unsigned i = 0; !r && i < list->n; i++)
		r = each(spec, list->item[i], why);
	return r;
}

/* KEY=VALUE, its key behind @prefix */
static int take_pair(struct spec *spec, const char *prefix, const char *pair, struct problem *why)
{
	_cleanup_free_ char *key = NULL;
	const char *equal = strchr(pair, '=');

	if (!equal)
		return problem(why, -EINVAL, "'%.60s': KEY=VALUE is wanted", pair);
	if (asprintf(&key, "%s%.*s", prefix, (int)(equal - pair), pair) < 0) {
		key = NULL;
		return -ENOMEM;
	}
	return spec_add_annotation(spec, key, equal + 1, why);
}

static int add_annotation(struct spec *spec, const char *pair, struct problem *why)
{
	return take_pair(spec, "", pair, why);
}

static int add_dossier(struct spec *spec, const char *pair, struct problem *why)
{
	return take_pair(spec, "dossier.", pair, why);
}

static int add_hook(struct spec *spec, const char *pair, struct problem *why)
{
	_cleanup_free_ char *stage = strndup(pair, strcspn(pair, "="));
	const char *equal = strchr(pair, '=');

	if (!stage)
		return -ENOMEM;
	if (!equal || !equal[1])
		return problem(why, -EINVAL, "--hook '%.60s': STAGE=COMMAND is wanted", pair);
	return spec_set_hook(spec, stage, equal + 1, why);
}

/* A,B */
static int take_profiles(struct spec *spec, const char *names, struct problem *why)
{
	_cleanup_free_ char *copy = names ? strdup(names) : NULL;
	char *save, *one = copy ? strtok_r(copy, ",", &save) : NULL;
	int r = 0;

	if (names && !copy)
		return -ENOMEM;
	if (names)
		words_free(&spec->profiles);
	for (; !r && one; one = strtok_r(NULL, ",", &save))
		r = spec_add_profile(spec, one, why);
	return r;
}

static int take_texts(struct spec *spec, const struct said *said, struct problem *why)
{
	const struct {
		const char *flag, *text;
		char **to;
	} texts[] = {
		{ "--memory", said->memory, &spec->memory },
		{ "--cpus", said->cpus, &spec->cpus },
		{ "--hostname", said->hostname, &spec->hostname },
		{ "--guard", said->guard, &spec->guard },
		{ "--network", said->network, &spec->network },
		{ "--workdir", said->workdir, &spec->workdir },
		{ "--task-dir", said->task_dir, &spec->task_dir },
		{ "--marker", said->marker, &spec->marker },
	};
	int r = 0;

	for (unsigned i = 0; !r && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].text)
			r = spec_set_text(texts[i].to, texts[i].flag, texts[i].text, why);
	if (!r && said->gpus)
		r = spec_set_gpus(spec, said->gpus, why);
	if (!r && said->runtime)
		r = spec_set_runtime(spec, said->runtime, why);
	if (!r && said->loopback)
		r = spec_set_loopback(spec, said->loopback, why);
	return r;
}

static int take_said(struct spec *spec, const struct said *said, struct problem *why)
{
	int r = take_texts(spec, said, why) ?: take_profiles(spec, said->profiles, why)
		?: take_list(spec, &said->env, spec_add_env, why)
		?: take_list(spec, &said->volumes, spec_add_volume, why)
		?: take_list(spec, &said->publish, spec_add_publish, why)
		?: take_list(spec, &said->caps, spec_add_cap, why)
		?: take_list(spec, &said->annotations, add_annotation, why)
		?: take_list(spec, &said->dossier, add_dossier, why)
		?: take_list(spec, &said->hooks, add_hook, why);

	if (said->restricted || said->unrestricted)
		spec->restricted = said->restricted;
	spec->ephemeral |= said->ephemeral;
	spec->no_guard |= said->no_guard;
	spec->wait_ready |= said->ready;
	if (!r && said->restricted && said->unrestricted)
		r = problem(why, -EINVAL, "--restricted or --unrestricted, not both");
	return r ? r
		 : cli_number("hook-timeout", said->hook_s, 1, SPEC_SECONDS_MAX, &spec->hook_s)
		       ?: cli_number("ready-timeout", said->ready_s, 1, SPEC_SECONDS_MAX,
				     &spec->ready_s)
		       ?: cli_number("grace", said->grace, 0, SPEC_SECONDS_MAX, &spec->grace_s);
}

/* What was a value of a variable on our own command line. */
static void wipe(const struct words *env, char *word)
{
	size_t whole = strlen(word);

	for (unsigned i = 0; i < env->n; i++) {
		size_t n = strlen(env->word[i]), name = strcspn(env->word[i], "=") + 1;

		if (n > name && whole >= n && !strcmp(word + whole - n, env->word[i])) {
			explicit_bzero(word + whole - n + name, n - name);
			return;
		}
	}
}

static int parse_flags(int argc, char **argv, struct said *said, struct run_options *ret)
{
	const struct cli_option options[] = {
		{ "spec", "FILE", "what to run, as JSON; '-': from standard input", CLI_STRING,
		  &said->spec },
		{ "env", "NAME[=VALUE]", "set a variable; without a value: as ours", CLI_LIST,
		  &said->env },
		{ "e", "NAME[=VALUE]", "the same", CLI_LIST, &said->env },
		{ "volume", "HOST:PLACE", "mount a folder of the host's", CLI_LIST,
		  &said->volumes },
		{ "v", "HOST:PLACE", "the same", CLI_LIST, &said->volumes },
		{ "publish", "[HOST:]PORT", "let the outside connect to a port", CLI_LIST,
		  &said->publish },
		{ "p", "[HOST:]PORT", "the same", CLI_LIST, &said->publish },
		{ "workdir", "PLACE", "where its command begins (/workspace)", CLI_STRING,
		  &said->workdir },
		{ "hostname", "NAME", "its own name for itself", CLI_STRING, &said->hostname },
		{ "memory", "AMOUNT", "at most so much, as podman has it: 2g", CLI_STRING,
		  &said->memory },
		{ "cpus", "N", "at most so many processors", CLI_STRING, &said->cpus },
		{ "gpus", "SELECTOR", "all, or nvidia, amd:0, ... with commas", CLI_STRING,
		  &said->gpus },
		{ "runtime", "crun|krun", "not podman's default runtime", CLI_STRING,
		  &said->runtime },
		{ "restricted", NULL, "no new privileges: no sudo in it", CLI_FLAG,
		  &said->restricted },
		{ "unrestricted", NULL, "not so (default)", CLI_FLAG, &said->unrestricted },
		{ "ephemeral", NULL, "gone as soon as it has ended", CLI_FLAG, &said->ephemeral },
		{ "cap", "perfmon", "a capability more", CLI_LIST, &said->caps },
		{ "annotation", "KEY=VALUE", "dossier.NAME, krun.cpus", CLI_LIST,
		  &said->annotations },
		{ "dossier", "KEY=VALUE", "who it is, for people: project, task, name", CLI_LIST,
		  &said->dossier },
		{ "guard", "WORDS", "words of terok.guard: state, names=...", CLI_STRING,
		  &said->guard },
		{ "profiles", "A,B", "what it may reach, by profiles", CLI_STRING,
		  &said->profiles },
		{ "loopback-ports", "PORTS", "of the host's loopback that it may reach; or none",
		  CLI_STRING, &said->loopback },
		{ "network", "MODE", "podman's network in place of ours: none, ...", CLI_STRING,
		  &said->network },
		{ "no-shield", NULL, "without a guard: it reaches everything", CLI_FLAG,
		  &said->no_guard },
		{ "task-dir", "DIR", "a folder that hooks are told of", CLI_STRING,
		  &said->task_dir },
		{ "hook", "STAGE=COMMAND", "run it at pre_start, post_start, ...", CLI_LIST,
		  &said->hooks },
		{ "hook-timeout", "SECS", "for each of them (60)", CLI_STRING, &said->hook_s },
		{ "ready", NULL, "show its log until it says that it is ready", CLI_FLAG,
		  &said->ready },
		{ "marker", "TEXT", "how it says so (>> init complete)", CLI_STRING,
		  &said->marker },
		{ "ready-timeout", "SECS", "wait so long (60)", CLI_STRING, &said->ready_s },
		{ "grace", "SECS", "what stop gives it to end by itself (10)", CLI_STRING,
		  &said->grace },
		{ "dry-run", NULL, "show the command and do nothing", CLI_FLAG, &ret->dry_run },
		{ "json", NULL, "one JSON object", CLI_FLAG, &ret->json },
		{ "quiet", NULL, "print the container's id and nothing else", CLI_FLAG,
		  &ret->quiet },
		{},
	};

	return cli_parse(argc, argv, options, 0, 1);
}

/* In the order in which one stands in for the other. */
static int take_all(struct spec *spec, const struct said *said, const char *name,
		    const struct words *passed, struct problem *why)
{
	int r = take_spec(spec, said->spec, why) ?: take_said(spec, said, why);

	if (!r && name)
		r = spec_set_name(spec, name, why);
	return r ?: passed_command(spec, passed, why) ?: spec_check(spec, why);
}

int options_parse(int argc, char **argv, struct run_options *ret)
{
	_cleanup_words_ struct words passed = {};
	struct said said = {};
	struct problem why = {};
	int end = 1, n, r;

	*ret = (struct run_options){};
	while (end < argc && strcmp(argv[end], "--"))
		end++;
	for (int i = end + 1; i < argc; i++)
		words_add(&passed, argv[i]);
	if (spec_init(&ret->spec) || words_error(&passed))
		return log_error(-ENOMEM, "run");
	argv[end] = NULL; /* the "--", or the NULL that is there already */
	n = parse_flags(end, argv, &said, ret);
	if (n < 0)
		return n;
	r = take_all(&ret->spec, &said, n ? argv[1] : NULL, &passed, &why);
	for (unsigned i = 0; i < said.env.n; i++)
		wipe(&ret->spec.env, (char *)said.env.item[i]); /* argv's, wherever it stands now */
	for (int i = end + 1; i < argc; i++)
		wipe(&ret->spec.env, argv[i]);
	if (r && *why.text)
		log_error(0, "run: %s", why.text);
	else if (r == -ENOMEM)
		log_error(r, "run");
	return r;
}
