/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deeds.h - verbs that take a second word: "token create"
 *
 * Threads: none.
 */
#ifndef PROXY_DEEDS_H
#define PROXY_DEEDS_H

struct deed {
	const char *name; /* NULL ends the table */
	int (*run)(int argc, char **argv);
};

/**
 * deeds_run() - the one that the second word names, of which argv[0] is that word
 * @what: the words, for who gave none of them: "create, list or revoke"
 */
int deeds_run(const struct deed *deeds, const char *what, int argc, char **argv);

#endif
