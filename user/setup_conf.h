/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_conf.h - hooks_dir of a containers.conf: read, put in, taken out again
 *
 * containers.conf is TOML and somebody else's. It is read as far as is needed to know where the
 * one key stands, and every byte that is not ours stays what it was: taking out what was put in
 * gives the file as it had been. What cannot be read is not edited.
 *
 * Bytes in, bytes out: no file is opened here. Called by: setup_place.c, setup_plan.c.
 * Threads: none shared.
 */
#ifndef TEROK_SETUP_CONF_H
#define TEROK_SETUP_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"

#define CONF_SIZE_MAX (1 << 20) /* people write it by hand */
#define CONF_DIRS_MAX 32
#define CONF_DIR_LEN  1024
#define CONF_MARK     "# by terok-bpfd setup" /* ends the lines that we put in */

/* Folders in the order in which podman reads them: of two files of one name the later counts. */
struct conf_dirs {
	char *dir[CONF_DIRS_MAX]; /* owned */
	unsigned n;
};

struct conf {
	size_t header,
	    header_end;        /* the line [engine], without its end; header_end 0: there is none */
	size_t line, line_end; /* where hooks_dir is set, without the end of its last line */
	bool set;              /* is it? */
	bool ours, header_ours; /* the line, the header end in our mark */
	bool append;            /* dirs are added to those of the files before */
	unsigned number;        /* of the line, from 1 */
	struct conf_dirs dirs;
};

/** conf_read() - where hooks_dir stands in @text; @ret is done with conf_done(), also on error */
int conf_read(const char *text, size_t size, struct conf *ret, struct problem *why);
void conf_done(struct conf *conf);

/**
 * conf_put() - the text with hooks_dir set to @dirs
 * @text: as conf_read() read it, with no hooks_dir
 *
 * Return: 0 and a text, the caller's; -EINVAL a path that cannot be written there; -ENOMEM.
 */
int conf_put(const char *text, size_t size, const struct conf *conf, const struct conf_dirs *dirs,
	     char **ret, size_t *ret_size, struct problem *why);

/** conf_take() - the text without what conf_put() put in: -ENOENT: nothing that has our mark */
int conf_take(const char *text, size_t size, const struct conf *conf, char **ret, size_t *ret_size);

/** conf_dirs_add() - at the end, once; conf_dirs_has() - is it there? */
int conf_dirs_add(struct conf_dirs *dirs, const char *dir);
bool conf_dirs_has(const struct conf_dirs *dirs, const char *dir);
void conf_dirs_done(struct conf_dirs *dirs);

#endif
