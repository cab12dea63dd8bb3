// SPDX-License-Identifier: Apache-2.0
/*
 * why.c - terok-why: for scripts in a guard: what was refused, why, and is it worth a retry?
 *
 * Linked statically, so that it can be copied into an image. Exit: 0 it was answered, 1 nobody
 * was there to ask, 2 a wrong command line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "why_ask.h"

static const char usage[] = "usage: terok-why [--json] [ADDRESS|NAME]\n"
			    "\n"
			    "Say what this container was refused lately, why, whether somebody\n"
			    "was asked, and whether to try again.\n";

int main(int argc, char **argv)
{
	const char *dest = NULL;
	bool json = false;
	int r;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			return fputs(usage, stdout), 0;
		if (!strcmp(argv[i], "--version"))
			return puts("terok-why " TEROK_VERSION), 0;
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (*argv[i] == '-' || dest)
			return fprintf(stderr, "terok-why: '%s' is not expected\n", argv[i]), 2;
		else
			dest = argv[i];
	}
	r = why_ask(dest, json);
	if (r == -EINVAL)
		fprintf(stderr, "terok-why: '%.80s' is neither an address nor a name\n", dest);
	return r == -EINVAL ? 2 : r ? 1 : 0;
}
