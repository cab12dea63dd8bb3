// SPDX-License-Identifier: Apache-2.0
/*
 * why.c - terok-why: for scripts in a guard: what was refused, why, and is it worth a retry?
 *
 * Linked statically, so that it can be copied into an image. Exit: enum why_exit.
 */
#include <stdio.h>
#include <string.h>

#include "why_ask.h"

static const char usage[] =
    "usage: terok-why [--json] [--wait TIME] [ADDRESS|NAME]\n"
    "\n"
    "Say what this container was refused lately, why, whether somebody was\n"
    "asked, and whether to try again.\n"
    "\n"
    "  --json       one JSON object\n"
    "  --wait TIME  while somebody is asked, for so long: 90, 90s, 10m, 2h\n"
    "\n"
    "Exit: 0 try again now, or nothing of that was refused; 3 later, somebody is\n"
    "asked or it ends; 4 never; 1 nobody is there to ask; 2 wrong command line.\n";

static int wrong(const char *text)
{
	fprintf(stderr, "terok-why: '%.80s' is not expected (see --help)\n", text);
	return WHY_WRONG;
}

int main(int argc, char **argv)
{
	struct why_wish wish = {};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			return fputs(usage, stdout), 0;
		if (!strcmp(argv[i], "--version"))
			return puts("terok-why " TEROK_VERSION), 0;
		if (!strcmp(argv[i], "--json"))
			wish.json = true;
		else if (!strcmp(argv[i], "--wait") && argv[i + 1] &&
			 why_wait_parse(argv[i + 1], &wish.wait_s))
			i++;
		else if (*argv[i] == '-' || wish.dest)
			return wrong(argv[i]);
		else
			wish.dest = argv[i];
	}
	return why_ask(&wish);
}
