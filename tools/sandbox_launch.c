// SPDX-License-Identifier: Apache-2.0
#include "sandbox_launch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "sandbox_podman.h"
#include "sandbox_redact.h"

#define KEPT_MAX  (64 << 10) /* of what podman says; a pull's progress is more than that */
#define LAUNCH_NS (UINT64_C(24) * 3600 * SECOND_NS)

#define GPU_HINT                                                                                   \
	"podman finds no such GPU by CDI: for NVIDIA's install nvidia-container-toolkit and run "  \
	"'sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml'; other vendors have a file " \
	"of theirs in /etc/cdi"

struct heard {
	char out[256], err[KEPT_MAX];
	size_t n_out, n_err;
};

/* The first bytes of its output, which are an id, and the last of its errors, which say why. */
static int hear(int fd, const char *bytes, size_t n, void *user)
{
	struct heard *heard = user;
	size_t room;

	if (fd == 1) {
		room = sizeof(heard->out) - 1 - heard->n_out;
		n = n < room ? n : room;
		memcpy(heard->out + heard->n_out, bytes, n);
		heard->n_out += n;
		return 0;
	}
	room = sizeof(heard->err) - 1 - heard->n_err;
	if (n > room) {
		size_t drop = n - room < heard->n_err ? n - room : heard->n_err;

		memmove(heard->err, heard->err + drop, heard->n_err - drop);
		heard->n_err -= drop;
	}
	memcpy(heard->err + heard->n_err, bytes, n);
	heard->n_err += n;
	return 0;
}

bool launch_is_gpu(const char *stderr_text)
{
	return strstr(stderr_text, "cdi.k8s.io") || strstr(stderr_text, "nvidia.com/gpu") ||
	       strstr(stderr_text, "CDI");
}

/* Line by line, none of them able to steer a terminal, and no secret that podman may repeat. */
static void show(const char *text, const struct words *env)
{
	_cleanup_free_ char *clean = redact_text(text, env);
	char *save, line[2048];

	if (!clean)
		return;
	for (char *one = strtok_r(clean, "\n", &save); one; one = strtok_r(NULL, "\n", &save))
		fprintf(stderr, "%s\n", log_safe(line, sizeof(line), one));
}

/* The id is the last line of its output: before it may be what a pull printed. */
static bool take_id(const char *out, char *id)
{
	size_t n = strlen(out);

	while (n && isspace((unsigned char)out[n - 1]))
		n--;
	if (n < 64 || strspn(out + n - 64, "0123456789abcdef") < 64)
		return false;
	memcpy(id, out + n - 64, 64);
	id[64] = '\0';
	return true;
}

int launch_check_name(const struct spec *spec)
{
	struct podman_state state;
	struct problem why = {};
	int r;

	if (words_have(&spec->extra, "--replace"))
		return 0;
	r = podman_state(spec->name, &state, &why);
	if (r)
		return log_error(0, "%s", why.text), r;
	if (state.there)
		return log_error(
			   0,
			   "there is a container '%s' already (%s); terok-sandbox stop %s, or "
			   "take another name",
			   spec->name, state.status, spec->name),
		       -EEXIST;
	return 0;
}

/* As podman says it; an address that is in use is something else. */
static bool name_is_taken(const struct heard *heard)
{
	return strstr(heard->err, "the container name \"") &&
	       strstr(heard->err, "is already in use");
}

/*
 * What podman left of a container that it could not start: it would be in the next one's way. One
 * that was there before is somebody's, and stays.
 */
static void remove_rest(const struct spec *spec, int64_t begun_s)
{
	const char *const args[] = { "rm", "-f", "--", spec->name, NULL };
	struct podman_state state;
	struct spawn_result result;

	if (words_have(&spec->extra, "--replace") || podman_state(spec->name, &state, NULL) ||
	    !state.there || state.made_s < begun_s ||
	    (strcmp(state.status, "created") && strcmp(state.status, "initialized") &&
	     strcmp(state.status, "configured")))
		return;
	if (!podman_ask(args, 2 * PODMAN_PROBE_NS, &result, NULL))
		spawn_result_done(&result);
}

static int failed(const struct heard *heard, const struct spec *spec, int status, int64_t begun_s)
{
	if (name_is_taken(heard)) {
		int r = launch_check_name(spec);

		if (r)
			return r;
	} else {
		remove_rest(spec, begun_s);
	}
	if (status > 128 && !*heard->err)
		return log_error(-ECANCELED, "Container launch ended by signal %d", status - 128);
	log_error(0, "Container launch failed:");
	show(heard->err, &spec->env);
	if (launch_is_gpu(heard->err))
		log_error(0, "GPU: " GPU_HINT);
	else if (strstr(heard->err, "workdir ") && strstr(heard->err, "does not exist"))
		log_error(
		    0, "the image has no %s: mount a folder there (-v DIR:%s), or say --workdir /",
		    spec->workdir, spec->workdir);
	return -EIO;
}

int launch_run(const struct command *command, const struct spec *spec, char *id)
{
	struct heard *heard = calloc(1, sizeof(*heard));
	struct spawn spawn = { .argv = (const char *const *)command->argv.word,
			       .env = (const char *const *)command->env.word,
			       .limit_ns = LAUNCH_NS };
	const struct spawn_watch watch = {
		.bytes = hear, .user = heard, .pass_signals = true, .leaves_others = true
	};
	int64_t begun_s = time(NULL);
	struct problem why = {};
	int status = 0, r;

	if (!heard)
		return log_error(-ENOMEM, "run");
	r = spawn_follow(&spawn, &watch, &status, &why);
	if (r == -ENOENT)
		log_error(0, "podman not found; install it (apt-get install podman)");
	else if (r)
		log_error(0, "run: %s", *why.text ? why.text : strerror(-r));
	else if (status)
		r = failed(heard, spec, status, begun_s);
	else if (*heard->err) /* it started, and podman had something to say about it */
		show(heard->err, &spec->env);
	if (!r && !take_id(heard->out, id))
		r = log_error(-EBADMSG, "podman run: it printed no id");
	free(heard);
	return r;
}
