/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.h - the proxy as user/service has it: its units, its names, where its files are
 *
 * The defaults are those of base/paths.h and of the program that was before; every verb takes
 * options instead. Called by: the verbs. Threads: none (it reads the environment).
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "service/life.h"
#include "service/service.h"

#define PROXY_PORT       18731 /* TCP, on 127.0.0.1: HTTP */
#define PROXY_AGENT_PORT 18732 /* ... and the SSH agent's */

extern const struct service proxy_service;

/* Absolute paths, but for what options have said. */
struct proxy_files {
	char *socket;   /* <runtime>/credential-proxy.sock */
	char *db;       /* <credentials>/credentials.db */
	char *routes;   /* <credentials>/routes.json */
	char *keys;     /* <credentials>/ssh-keys.json */
	char *pid_file; /* <runtime>/credential-proxy.pid */
};

/* What options say; NULL: the default. */
struct proxy_said {
	const char *socket, *db, *routes, *keys, *pid_file;
};

/** proxy_files_find() - 0 and @ret, the caller's to proxy_files_done(); -ENOENT no home, with @why */
int proxy_files_find(const struct proxy_said *said, struct proxy_files *ret, struct problem *why);
void proxy_files_done(struct proxy_files *files);

/** proxy_place() - life_place_find() with them; what it serves is the folder of routes and store */
int proxy_place(const struct proxy_files *files, struct life_place *ret, struct problem *why);

/**
 * proxy_prepare() - what a proxy needs before it begins: the folders, 0700, and an empty file of
 * routes and of keys where there is none
 * @files: a struct proxy_files
 *
 * Return: 0, or a negative errno with @why.
 */
int proxy_prepare(const void *files, struct problem *why);

#define _cleanup_files_ _cleanup_(proxy_files_done)

#endif
