/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pty.h - a terminal of our own, and the person's terminal put in raw mode and back
 *
 * Owns: nothing; descriptors and saved settings are the caller's. Threads: none.
 */
#ifndef BASE_PTY_H
#define BASE_PTY_H

#include <stdbool.h>
#include <termios.h>

/**
 * pty_open() - a new terminal with the size and settings of @like
 * @like: a terminal; -1: default settings, 24 by 80
 * @ret_inside: the end for the program (the terminal), close-on-exec
 *
 * Return: the outer end, non-blocking and close-on-exec; negative errno.
 */
int pty_open(int like, int *ret_inside);

/** pty_take() - new session with @inside as its controlling terminal; in a child only */
int pty_take(int inside);

/** pty_raw() - hand every byte through untouched; @saved for pty_restore(); -ENOTTY */
int pty_raw(int fd, struct termios *saved);

/** pty_restore() - as it was; also from the background, where it would stop us otherwise */
void pty_restore(int fd, const struct termios *saved);

/** pty_copy_size() - @to gets the rows and columns of @from, its program a SIGWINCH */
int pty_copy_size(int from, int to);

/** pty_columns() - width, 80 when unknown */
unsigned pty_columns(int fd);

/** pty_in_foreground() - does the terminal belong to our process group now? */
bool pty_in_foreground(int fd);

#endif
