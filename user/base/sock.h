/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock.h - the one way to open a unix socket that others connect to
 *
 * The folder must be ours and writable by nobody else; a live socket is never stolen, a
 * dead one is replaced, anything else at the path is refused; the mode is right from the
 * first moment. Threads: umask is the process's, so only while there is one thread.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/problem.h"

/**
 * sock_listen() - a listening SOCK_STREAM socket at @path, non-blocking, close-on-exec
 * @mode: permissions of the socket file
 *
 * Return: 0; -EADDRINUSE somebody listens there, -EEXIST a file that is no socket,
 * -EPERM the folder is not safe, -ENAMETOOLONG, -ENOENT (also: no path), other negative
 * errno; each with @why.
 */
int sock_listen(const char *path, mode_t mode, int *ret, struct problem *why);

/** sock_connect() - a connected stream, non-blocking, close-on-exec; negative errno */
int sock_connect(const char *path);

/** sock_peer() - who is at the other end, by the kernel's word; 0 or negative errno */
int sock_peer(int fd, struct ucred *ret);

#endif
