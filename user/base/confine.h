/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - what a process gives up, in named stages
 *
 *   confine_early()  first thing: no new privileges, no core dumps, no ptrace by equals,
 *		      no descriptors but the ones named
 *   confine_caps()   after the last privileged act: only the capabilities named
 *   confine_user()   nobody, if it was root: after confine_caps(0) nothing needs a uid
 *   confine_files()  Landlock: no file may be opened any more (what is open stays open);
 *		      confine_files_but(): but for what is said of some folders
 *   confine_calls()  last: seccomp, anything not listed kills the process;
 *		      confine_calls_but(): what is listed fails
 *
 * Each returns 0 or a negative errno, and a caller that gets an error must not go on.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CONFINE_SANITIZED: the run time of AddressSanitizer has to look, and files and calls stay open */
#ifdef __SANITIZE_ADDRESS__
#define CONFINE_SANITIZED 1
#elif defined(__has_feature) /* clang's word for it */
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif

/** confine_privs() - no new privileges, no core dumps, no ptrace by equals */
int confine_privs(void);

/** confine_early() - the same, and a private umask; close every descriptor above @last_fd */
int confine_early(int last_fd);

/** confine_caps() - keep only the capabilities of @keep (1 << CAP_...), in every set */
int confine_caps(uint64_t keep);

/** confine_become() - be that user if we are root: no groups but @gid, an empty bounding set */
int confine_become(uid_t uid, gid_t gid);

/** confine_user() - become nobody if we are root, in the same way */
int confine_user(void);

/** confine_files() - 0 also where the kernel has no Landlock: the other stages hold */
int confine_files(void);

/** confine_files_can() - has the kernel Landlock? True under AddressSanitizer, which does without */
bool confine_files_can(void);

/* What may be done with the files in a folder, and below it. */
enum confine_may {
	CONFINE_REMOVE, /* and nothing else: sockets of ours that go at the end */
	CONFINE_READ,
	CONFINE_LOOK,  /* read them, and list the folder */
	CONFINE_KEEP,  /* make, read, write, rename and remove them, and list the folder */
	CONFINE_SERVE, /* the same, and sockets that listen */
	CONFINE_WRITE, /* read and write those that are there */
	CONFINE_RUN,   /* read and execute them, and list the folder */
	CONFINE_WORK,  /* all but executing, folders and moves between them as well */
};

struct confine_folder {
	int fd;
	enum confine_may may;
};

/**
 * confine_files_but() - the same, but for these @n folders; one may be named twice
 *
 * Return: 0; -EOPNOTSUPP: with one that is CONFINE_WORK it takes Linux 5.19, and nothing was done.
 */
int confine_files_but(const struct confine_folder *folders, unsigned n);

/**
 * confine_calls() - @names: system calls by name, NULL at the end
 *
 * "socket(unix)" is socket() for unix sockets and no others.
 */
int confine_calls(const char *const *names);

/**
 * confine_calls_but() - the other way round, for who runs programs and libraries of others: all calls
 * but these, which fail with EPERM
 * @families: AF_..., 0 at the end: sockets of no others are made
 *
 * Further, on its own: namespaces are not made, whatever the call.
 */
int confine_calls_but(const char *const *names, const int *families);

#endif
