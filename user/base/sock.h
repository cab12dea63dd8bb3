/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock.h - the one way to open a unix socket that others connect to
 *
 * The folder must be ours and writable by nobody else; a live socket is never stolen, a
 * dead one is replaced; the mode is right from the first moment. The folder is looked at
 * through a descriptor, and what bind() made is looked for through the same one before
 * anybody can connect: a folder that was exchanged meanwhile is noticed.
 *
 * sock_listen() is for a folder that others may enter, sock_place_take() for a user's own.
 * sock_receive() takes descriptors that another process passes along with a message.
 * Threads: umask is the process's, so only while there is one thread.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/problem.h"

/**
 * sock_listen() - a listening SOCK_STREAM socket at @path, non-blocking, close-on-exec
 * @mode: permissions of the socket file
 *
 * What is no socket stays where it is. Return: 0; -EADDRINUSE somebody listens there,
 * -EEXIST a file that is no socket, -EPERM the folder is not safe, -ENAMETOOLONG, -ENOENT
 * (also: no path), other negative errno; each with @why.
 */
int sock_listen(const char *path, mode_t mode, int *ret, struct problem *why);

/** sock_listen_packets() - the same, SOCK_SEQPACKET */
int sock_listen_packets(const char *path, mode_t mode, int *ret, struct problem *why);

/* A socket of ours alone, and what it takes to leave its folder as it was. */
struct sock_place {
	int fd;           /* listening; -1: none */
	int folder, lock; /* descriptors; the lock is a file beside the socket, held */
	dev_t dev;
	ino_t ino; /* of the socket file */
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

#define SOCK_PLACE_NONE ((struct sock_place){ .fd = -1, .folder = -1, .lock = -1 })

/**
 * sock_place_take() - the same, 0600, for us alone
 *
 * The folder is made if it is missing (and those above it), 0700, and nobody else may do
 * anything in it. It is held against a second process of ours by a lock beside the socket,
 * against one without that lock by asking whether somebody listens. Anything else at the
 * path but a folder gives way. Return: as sock_listen(); -EISDIR.
 */
int sock_place_take(const char *path, struct sock_place *ret, struct problem *why);

/**
 * sock_place_adopt() - the same of a socket that somebody made for us there, who also removes it
 * @fd: listening; @ret's on success only
 *
 * Return: as sock_place_take(); -EPERM: others can connect to it.
 */
int sock_place_adopt(const char *path, int fd, struct sock_place *ret, struct problem *why);

/** sock_place_leave() - close it; the file goes if it is still the one that was made */
void sock_place_leave(struct sock_place *place);

/** sock_connect() - a connected stream, non-blocking, close-on-exec; negative errno */
int sock_connect(const char *path);

#define SOCK_FDS 4 /* of one message */

/**
 * sock_receive() - one message and the descriptors that came with it, without waiting
 * @fd: @n places, SOCK_FDS at most; those without a descriptor get -1; what finds none is
 *	closed
 *
 * Return: as recv() with MSG_TRUNC, or negative errno.
 */
ssize_t sock_receive(int sock, void *bytes, size_t size, int *fd, unsigned n);

/** sock_send() - one message with @n descriptors, SOCK_FDS at most, without waiting; negative errno */
int sock_send(int sock, const void *bytes, size_t size, const int *fd, unsigned n);

/** sock_peer_pidfd() - that process, which keeps its number as long; -ENOPROTOOPT before Linux 6.5 */
int sock_peer_pidfd(int fd);

/**
 * sock_no_fds() - take no descriptors from those who connect to this listening socket
 *
 * A descriptor that nobody asked for is closed by whoever reads the message, and closing one
 * can take as long as its maker likes. Return: 0; -ENOPROTOOPT before Linux 6.16.
 */
int sock_no_fds(int listen_fd);

/** sock_peer() - who is at the other end, by the kernel's word; 0 or negative errno */
int sock_peer(int fd, struct ucred *ret);

#endif
