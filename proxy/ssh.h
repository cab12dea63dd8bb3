/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh.h - what the verbs of terok-proxy ssh share: where keys are, and what they may do
 *
 * Called by: verb_ssh*.c. Threads: none (it reads the environment).
 */
#ifndef PROXY_SSH_H
#define PROXY_SSH_H

#include <stdbool.h>

#include "base/cli.h"
#include "base/problem.h"
#include "opened.h"
#include "proxy.h"
#include "signer/limits.h"

/* The store, and ssh-keys.json; after ssh_place_find() files are ssh_place_done()'s. */
struct ssh_place {
	struct opened opened;
	const char *said_keys_file;
	struct proxy_files files;
};

#define SSH_PLACE_OPTIONS(at)                                                                      \
	OPENED_OPTIONS((at).opened),                                                               \
	{                                                                                          \
		"ssh-keys-file", "FILE", "ssh-keys.json", CLI_STRING, &(at).said_keys_file         \
	}

/** ssh_place_find() - 0; -ENOENT: no home, said */
int ssh_place_find(struct ssh_place *at);

void ssh_place_done(struct ssh_place *at);

/** ssh_project_check() - may a project be called so? 0; -EINVAL, said */
int ssh_project_check(const char *project);

/* A key of a project, wherever it lies. */
struct ssh_known {
	const char *project, *fingerprint, *comment;
	char type[16];       /* "ed25519", "rsa", "ecdsa" */
	const char *file;    /* its private half; NULL: in the store */
	int64_t row;         /* there; 0: a file */
	struct span blob;    /* .at NULL: not known */
	const char *problem; /* what is wrong with it; NULL: nothing */
	const struct limits *limits;
	int64_t expires, used; /* of a row */
};

typedef int (*ssh_known_fn)(const struct ssh_known *key, void *user);

/**
 * ssh_known_each() - the keys of ssh-keys.json, then those of the store; @project NULL: of all
 *
 * @store may be NULL: there is none. @fn returns other than 0 to end it. Return: that, or a negative
 * errno with @why.
 */
int ssh_known_each(const struct ssh_place *at, struct store *store, const char *project,
		   ssh_known_fn fn, void *user, struct problem *why);

/** verb_ssh_agent() and the like - the deeds of the verb ssh; argv[0] is the deed */
int verb_ssh_agent(int argc, char **argv);
int verb_ssh_init(int argc, char **argv);
int verb_ssh_add(int argc, char **argv);
int verb_ssh_list(int argc, char **argv);
int verb_ssh_remove(int argc, char **argv);

#endif
