// SPDX-License-Identifier: Apache-2.0
#include "sandbox_passed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is done with a flag: passed on, or looked at first; its text says why not, or what instead. */
enum treat { PASS, REFUSE, ENV, VOLUME, MOUNT, TARGET, DETACH };

struct flag {
	const char *name;
	char letter;
	bool value; /* takes one; else it is true or false */
	enum treat treat;
	const char *instead;
};

#define NAME    "the name is run's first argument"
#define NETWORK "say --network before the '--'"
#define GUARD   "say --guard, --profiles or --dossier before the '--'"
#define CAPS    "say --cap before the '--'; others would lead out of the guard"
#define USERNS  "the user namespace is managed here"
#define OUT     "it would lead out of the guard"
#define CGROUP  "the container's cgroup is managed here, for its guard"
#define PORTS   "say --publish before the '--', so that its guard lets them in"
#define GLOBAL                                                                                     \
	"it is a setting of podman's: set it in containers.conf, so that stop and logs have it too"
#define DETACHED "run starts a container and lets it go: see logs -f, or podman attach"

/* All that podman 4.3 to 5.8 have; what is none of them needs an "=" to say where it ends. */
static const struct flag flags[] = {
	{ "name", 0, true, REFUSE, NAME },
	{ "network", 0, true, REFUSE, NETWORK },
	{ "net", 0, true, REFUSE, NETWORK },
	{ "network-alias", 0, true, PASS, NULL },
	{ "net-alias", 0, true, PASS, NULL },
	{ "annotation", 0, true, REFUSE, GUARD },
	{ "hooks-dir", 0, true, REFUSE, GLOBAL },
	{ "cap-add", 0, true, REFUSE, CAPS },
	{ "cap-drop", 0, true, REFUSE, "the guard's are dropped already" },
	{ "userns", 0, true, REFUSE, USERNS },
	{ "uidmap", 0, true, REFUSE, USERNS },
	{ "gidmap", 0, true, REFUSE, USERNS },
	{ "subuidname", 0, true, REFUSE, USERNS },
	{ "subgidname", 0, true, REFUSE, USERNS },
	{ "privileged", 0, false, REFUSE, OUT },
	{ "security-opt", 0, true, REFUSE,
	  "say --restricted before the '--' for no-new-privileges" },
	{ "preserve-fds", 0, true, REFUSE, OUT },
	{ "preserve-fd", 0, true, REFUSE, OUT },
	{ "pod", 0, true, REFUSE, "a pod's network is not this container's" },
	{ "pod-id-file", 0, true, REFUSE, "a pod's network is not this container's" },
	{ "cgroups", 0, true, REFUSE, CGROUP },
	{ "cgroup-parent", 0, true, REFUSE, CGROUP },
	{ "cgroupns", 0, true, REFUSE, CGROUP },
	{ "cgroup-conf", 0, true, REFUSE, CGROUP },
	{ "publish", 'p', true, REFUSE, PORTS },
	{ "publish-all", 'P', false, REFUSE, PORTS },
	{ "workdir", 'w', true, REFUSE, "say --workdir before the '--'" },
	{ "attach", 'a', true, REFUSE, DETACHED },
	{ "detach", 'd', false, DETACH, DETACHED },
	{ "help", 0, false, REFUSE, "see podman run --help" },
	{ "runtime", 0, true, REFUSE, "say --runtime before the '--'" },
	{ "runtime-flag", 0, true, REFUSE, GLOBAL },
	{ "root", 0, true, REFUSE, GLOBAL },
	{ "runroot", 0, true, REFUSE, GLOBAL },
	{ "remote", 'r', false, REFUSE, GLOBAL },
	{ "url", 0, true, REFUSE, GLOBAL },
	{ "connection", 0, true, REFUSE, GLOBAL },
	{ "identity", 0, true, REFUSE, GLOBAL },
	{ "module", 0, true, REFUSE, GLOBAL },
	{ "config", 0, true, REFUSE, GLOBAL },
	{ "ssh", 0, true, REFUSE, GLOBAL },
	{ "conmon", 0, true, REFUSE, GLOBAL },
	{ "cgroup-manager", 0, true, REFUSE, GLOBAL },
	{ "events-backend", 0, true, REFUSE, GLOBAL },
	{ "storage-driver", 0, true, REFUSE, GLOBAL },
	{ "storage-opt", 0, true, REFUSE, GLOBAL },
	{ "imagestore", 0, true, REFUSE, GLOBAL },
	{ "tmpdir", 0, true, REFUSE, GLOBAL },
	{ "volumepath", 0, true, REFUSE, GLOBAL },
	{ "network-cmd-path", 0, true, REFUSE, GLOBAL },
	{ "network-config-dir", 0, true, REFUSE, GLOBAL },
	{ "network-backend", 0, true, REFUSE, GLOBAL },
	{ "namespace", 0, true, REFUSE, GLOBAL },
	{ "env", 'e', true, ENV, NULL },
	{ "volume", 'v', true, VOLUME, NULL },
	{ "mount", 0, true, MOUNT, NULL },
	{ "tmpfs", 0, true, TARGET, NULL },
	{ "add-host", 0, true, PASS, NULL },
	{ "arch", 0, true, PASS, NULL },
	{ "authfile", 0, true, PASS, NULL },
	{ "blkio-weight", 0, true, PASS, NULL },
	{ "blkio-weight-device", 0, true, PASS, NULL },
	{ "cert-dir", 0, true, PASS, NULL },
	{ "chrootdirs", 0, true, PASS, NULL },
	{ "cidfile", 0, true, PASS, NULL },
	{ "conmon-pidfile", 0, true, PASS, NULL },
	{ "cpu-period", 0, true, PASS, NULL },
	{ "cpu-quota", 0, true, PASS, NULL },
	{ "cpu-rt-period", 0, true, PASS, NULL },
	{ "cpu-rt-runtime", 0, true, PASS, NULL },
	{ "cpu-shares", 'c', true, PASS, NULL },
	{ "cpus", 0, true, PASS, NULL },
	{ "cpuset-cpus", 0, true, PASS, NULL },
	{ "cpuset-mems", 0, true, PASS, NULL },
	{ "creds", 0, true, PASS, NULL },
	{ "decryption-key", 0, true, PASS, NULL },
	{ "detach-keys", 0, true, PASS, NULL },
	{ "device", 0, true, PASS, NULL },
	{ "device-cgroup-rule", 0, true, PASS, NULL },
	{ "device-read-bps", 0, true, PASS, NULL },
	{ "device-read-iops", 0, true, PASS, NULL },
	{ "device-write-bps", 0, true, PASS, NULL },
	{ "device-write-iops", 0, true, PASS, NULL },
	{ "disable-content-trust", 0, false, PASS, NULL },
	{ "dns", 0, true, PASS, NULL },
	{ "dns-opt", 0, true, PASS, NULL },
	{ "dns-option", 0, true, PASS, NULL },
	{ "dns-search", 0, true, PASS, NULL },
	{ "entrypoint", 0, true, PASS, NULL },
	{ "env-file", 0, true, PASS, NULL },
	{ "env-host", 0, false, PASS, NULL },
	{ "env-merge", 0, true, PASS, NULL },
	{ "expose", 0, true, PASS, NULL },
	{ "gpus", 0, true, REFUSE, "say --gpus before the '--'" },
	{ "group-add", 0, true, PASS, NULL },
	{ "group-entry", 0, true, PASS, NULL },
	{ "health-cmd", 0, true, PASS, NULL },
	{ "health-interval", 0, true, PASS, NULL },
	{ "health-log-destination", 0, true, PASS, NULL },
	{ "health-max-log-count", 0, true, PASS, NULL },
	{ "health-max-log-size", 0, true, PASS, NULL },
	{ "health-on-failure", 0, true, PASS, NULL },
	{ "health-retries", 0, true, PASS, NULL },
	{ "health-start-period", 0, true, PASS, NULL },
	{ "health-startup-cmd", 0, true, PASS, NULL },
	{ "health-startup-interval", 0, true, PASS, NULL },
	{ "health-startup-retries", 0, true, PASS, NULL },
	{ "health-startup-success", 0, true, PASS, NULL },
	{ "health-startup-timeout", 0, true, PASS, NULL },
	{ "health-timeout", 0, true, PASS, NULL },
	{ "hostname", 'h', true, PASS, NULL },
	{ "hosts-file", 0, true, PASS, NULL },
	{ "hostuser", 0, true, PASS, NULL },
	{ "http-proxy", 0, false, PASS, NULL },
	{ "image-volume", 0, true, PASS, NULL },
	{ "init", 0, false, PASS, NULL },
	{ "init-path", 0, true, PASS, NULL },
	{ "interactive", 'i', false, PASS, NULL },
	{ "ip", 0, true, PASS, NULL },
	{ "ip6", 0, true, PASS, NULL },
	{ "ipc", 0, true, PASS, NULL },
	{ "label", 'l', true, PASS, NULL },
	{ "label-file", 0, true, PASS, NULL },
	{ "log-driver", 0, true, PASS, NULL },
	{ "log-level", 0, true, PASS, NULL },
	{ "log-opt", 0, true, PASS, NULL },
	{ "mac-address", 0, true, PASS, NULL },
	{ "memory", 'm', true, PASS, NULL },
	{ "memory-reservation", 0, true, PASS, NULL },
	{ "memory-swap", 0, true, PASS, NULL },
	{ "memory-swappiness", 0, true, PASS, NULL },
	{ "no-healthcheck", 0, false, PASS, NULL },
	{ "no-hosts", 0, false, PASS, NULL },
	{ "no-hostname", 0, false, PASS, NULL },
	{ "oom-kill-disable", 0, false, PASS, NULL },
	{ "oom-score-adj", 0, true, PASS, NULL },
	{ "os", 0, true, PASS, NULL },
	{ "passwd", 0, false, PASS, NULL },
	{ "passwd-entry", 0, true, PASS, NULL },
	{ "personality", 0, true, PASS, NULL },
	{ "pid", 0, true, PASS, NULL }, /* the guard's hook says no to the host's */
	{ "pidfile", 0, true, PASS, NULL },
	{ "pids-limit", 0, true, PASS, NULL },
	{ "platform", 0, true, PASS, NULL },
	{ "pull", 0, true, PASS, NULL },
	{ "quiet", 'q', false, PASS, NULL },
	{ "rdt-class", 0, true, PASS, NULL },
	{ "read-only", 0, false, PASS, NULL },
	{ "read-only-tmpfs", 0, false, PASS, NULL },
	{ "replace", 0, false, PASS, NULL },
	{ "requires", 0, true, PASS, NULL },
	{ "restart", 0, true, PASS, NULL },
	{ "retry", 0, true, PASS, NULL },
	{ "retry-delay", 0, true, PASS, NULL },
	{ "rm", 0, false, PASS, NULL },
	{ "rmi", 0, false, PASS, NULL },
	{ "rootfs", 0, false, PASS, NULL },
	{ "sdnotify", 0, true, PASS, NULL },
	{ "seccomp-policy", 0, true, PASS, NULL },
	{ "secret", 0, true, PASS, NULL },
	{ "shm-size", 0, true, PASS, NULL },
	{ "shm-size-systemd", 0, true, PASS, NULL },
	{ "sig-proxy", 0, false, PASS, NULL },
	{ "signature-policy", 0, true, PASS, NULL },
	{ "stop-signal", 0, true, PASS, NULL },
	{ "stop-timeout", 0, true, PASS, NULL },
	{ "sysctl", 0, true, PASS, NULL },
	{ "syslog", 0, false, PASS, NULL },
	{ "systemd", 0, true, PASS, NULL },
	{ "timeout", 0, true, PASS, NULL },
	{ "tls-verify", 0, false, PASS, NULL },
	{ "tty", 't', false, PASS, NULL },
	{ "tz", 0, true, PASS, NULL },
	{ "ulimit", 0, true, PASS, NULL },
	{ "umask", 0, true, PASS, NULL },
	{ "unsetenv", 0, true, PASS, NULL },
	{ "unsetenv-all", 0, false, PASS, NULL },
	{ "user", 'u', true, PASS, NULL },
	{ "uts", 0, true, PASS, NULL },
	{ "variant", 0, true, PASS, NULL },
	{ "volumes-from", 0, true, PASS, NULL },
};

/* Where we are in a list, and what of it goes on. */
struct walk {
	struct spec *spec;
	const struct words *words;
	unsigned at;
	struct problem *why;
};

static int refuse(struct walk *walk, const struct flag *flag, const char *shown)
{
	size_t n = strcspn(shown, "=");

	return problem(walk->why, -EINVAL, "'%.*s' is not passed on: %s", (int)(n < 60 ? n : 60),
		       shown, flag->instead);
}

/* Each target= of a --mount, by any of its names */
static int mount_check(const char *value, struct problem *why)
{
	static const char *const names[] = { "target=", "destination=", "dst=" };
	int r = 0;

	for (const char *at = value; !r; at++) {
		size_t n = strcspn(at, ",");

		for (unsigned i = 0; !r && i < sizeof(names) / sizeof(names[0]); i++) {
			size_t name = strlen(names[i]);

			if (n > name && !strncmp(at, names[i], name))
				r = spec_target_check(at + name, n - name, why);
		}
		at += n;
		if (!*at)
			break;
	}
	return r;
}

/* @value: NULL where none belongs to it. 1: the spec has it now, it does not go on. */
static int look(struct walk *walk, const struct flag *flag, const char *value, const char *shown)
{
	const char *colon;
	int r;

	switch (flag->treat) {
	case PASS: return 0;
	case REFUSE: return refuse(walk, flag, shown);
	case DETACH: return value && strcmp(value, "true") ? refuse(walk, flag, shown) : 0;
	case ENV: r = spec_add_env(walk->spec, value, walk->why); return r ? r : 1;
	case VOLUME:
		colon = strchr(value, ':');
		colon = colon ? colon + 1 : value;
		return spec_target_check(colon, strcspn(colon, ":"), walk->why);
	case MOUNT: return mount_check(value, walk->why);
	case TARGET: return spec_target_check(value, strcspn(value, ":"), walk->why);
	}
	return -EINVAL;
}

/* The next word, as the value of the one before it. */
static const char *next_word(struct walk *walk, const char *flag)
{
	if (walk->at + 1 < walk->words->n)
		return walk->words->word[++walk->at];
	problem(walk->why, -EINVAL, "a value is missing after '%.60s'", flag);
	return NULL;
}

static const struct flag *find(const char *name, size_t n, char letter)
{
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (letter ? flags[i].letter == letter
			   : strlen(flags[i].name) == n && !strncmp(flags[i].name, name, n))
			return &flags[i];
	return NULL;
}

/* --flag, --flag=VALUE, --flag VALUE */
static int take_long(struct walk *walk, const char *word)
{
	const char *name = word + 2, *value = strchr(name, '=');
	const struct flag *flag = find(name, value ? (size_t)(value - name) : strlen(name), 0);
	struct words *extra = &walk->spec->extra;
	bool next = false;
	int r;

	if (!flag && !value)
		return problem(walk->why, -EINVAL,
			       "'%.60s' is no flag that is known here; say %.60s=VALUE", word,
			       word);
	value = value ? value + 1 : NULL;
	if (flag && flag->treat == REFUSE)
		return refuse(walk, flag, word);
	if (flag && flag->value && !value) {
		next = true;
		value = next_word(walk, word);
		if (!value)
			return -EINVAL;
	}
	r = flag ? look(walk, flag, value, word) : 0;
	if (r)
		return r < 0 ? r : 0;
	words_add(extra, word);
	if (next)
		words_add(extra, value);
	return words_error(extra);
}

/* -it, -eNAME=VALUE, -ite NAME=VALUE: letters without a value, then at most one with it */
static int take_letters(struct walk *walk, const char *word)
{
	struct words *extra = &walk->spec->extra;
	const struct flag *flag = NULL;
	const char *at = word + 1, *value = NULL;
	bool next = false;
	int r = 0;

	for (; *at && !value; at++) {
		flag = find(NULL, 0, *at);
		if (!flag)
			return problem(walk->why, -EINVAL, "'-%c' is no flag that is known here",
				       *at);
		if (flag->value) {
			next = !at[1];
			value = next ? next_word(walk, word) : at + 1 + (at[1] == '=');
			if (!value && flag->treat != REFUSE)
				return -EINVAL;
		} else if (at[1] == '=') { /* of one letter alone podman takes this for its value */
			value = at + 2;
		}
		r = look(walk, flag, value ?: "true", (char[]){ '-', *at, '\0' });
		if (r < 0)
			return r;
	}
	if (r) { /* the letters before it go on */
		at--;
		if (at > word + 1)
			words_addn(extra, word, at - word);
		return words_error(extra);
	}
	words_add(extra, word);
	if (next)
		words_add(extra, value);
	return words_error(extra);
}

/* Flags up to the first word that is none; -EINVAL, or where that is. */
static int take_flags(struct walk *walk)
{
	int r = 0;

	for (; !r && walk->at < walk->words->n; walk->at++) {
		const char *word = walk->words->word[walk->at];

		if (!strcmp(word, "--")) {
			walk->at++;
			break;
		}
		if (word[0] != '-' || !word[1])
			break;
		r = word[1] == '-' ? take_long(walk, word) : take_letters(walk, word);
	}
	return r;
}

int passed_flags(struct spec *spec, const struct words *words, struct problem *why)
{
	struct walk walk = { spec, words, 0, why };
	int r = take_flags(&walk);

	if (r || walk.at == words->n)
		return r;
	return problem(why, -EINVAL, "extra_args: '%.60s' is no flag", words->word[walk.at]);
}

int passed_command(struct spec *spec, const struct words *words, struct problem *why)
{
	struct walk walk = { spec, words, 0, why };
	int r = take_flags(&walk);

	if (r || walk.at == words->n)
		return r;
	r = spec_set_text(&spec->image, "image", words->word[walk.at++], why);
	words_free(&spec->command);
	for (; walk.at < words->n; walk.at++)
		words_add(&spec->command, words->word[walk.at]);
	return r ? r : words_error(&spec->command);
}
