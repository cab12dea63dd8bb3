// SPDX-License-Identifier: Apache-2.0
/*
 * hook.c - terok-hook: what podman and its runtimes call while a container comes and goes
 *
 * At precreate the runtime's configuration comes as JSON on stdin, and podman takes from stdout
 * what it hands to the runtime: without the means to leave unseen (hook_means.h). At createRuntime
 * the state of the container comes as JSON on stdin, and any failure keeps the container from
 * being started: it is checked that it has no means, whoever made it and whether precreate ran or
 * not, and the agent is asked to guard it, which believes only the kernel. At poststop the agent is
 * told, and nothing that fails there keeps a container from being removed.
 *
 * It runs as whoever runs the container: for a user's in that user's namespaces, with hardly an
 * environment. Linked statically, so that it starts quickly and needs nothing of where it runs.
 * It starts no other program.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hook_core.h"
#include "hook_created.h"
#include "hook_means.h"
#include "hook_read.h"
#include "hook_shield.h"
#include "hook_tell.h"

static const char usage[] =
    "usage: terok-hook precreate|createRuntime|poststop <JSON\n"
    "\n"
    "For podman: an OCI hook that has a container guarded before its first\n"
    "instruction, or does not let it start.\n"
    "\n"
    "  precreate      the configuration, without means to leave unseen, to stdout\n"
    "  createRuntime  check it, and ask the agent for its guard\n"
    "  poststop       tell the agent that it has ended\n";

/* Mends and refuses nothing; what cannot be mended createRuntime refuses, with the reason. */
static int precreate(struct json_object *config, struct problem *why)
{
	const char *text;

	hook_coming();
	means_mend(config);
	text = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text || puts(text) < 0 || fflush(stdout))
		return problem(why, -EIO, "stdout: %s", strerror(errno));
	return 0;
}

static int create_runtime(struct json_object *state, struct problem *why)
{
	_cleanup_close_ int folder = -1;
	struct control_attach word;
	int r = hook_created(state, &word, &folder, why);

	if (!r)
		r = hook_attach(&word, why);
	if (!r && folder >= 0 && shield_note(folder, word.id))
		fprintf(stderr, "terok: its id is not written into its state_dir\n");
	return r;
}

/* A container's end is its cgroup's, whoever was told; nothing here may keep it from being removed. */
static int poststop(void)
{
	_cleanup_(json_putp) struct json_object *state = NULL;
	const char *id;

	if (!hook_read_object(STDIN_FILENO, "stdin", &state, NULL) && (id = json_text(state, "id")))
		hook_stopped(id);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	int (*stage)(struct json_object * object, struct problem * why) = NULL;
	struct problem why = {};

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return fputs(usage, stdout), 0;
	if (argc == 2 && !strcmp(argv[1], "--version"))
		return puts("terok-hook " TEROK_VERSION), 0;
	if (argc == 2 && !strcmp(argv[1], "poststop"))
		return poststop();
	if (argc == 2 && !strcmp(argv[1], "precreate"))
		stage = precreate;
	else if (argc == 2 && !strcmp(argv[1], "createRuntime"))
		stage = create_runtime;
	else
		return fputs("terok-hook: one stage is expected: precreate, createRuntime, "
			     "poststop (see --help)\n",
			     stderr),
		       2;
	if (!hook_read_object(STDIN_FILENO, "stdin", &object, &why) && !stage(object, &why))
		return 0;
	hook_tell(json_text(object, "id"), &why);
	return 1;
}
