/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.h - what of the kernel a service gives up, and whatever it begins: calls, families of sockets
 *
 * A list of what is refused: one of what is needed would be another for each version of git, libcurl,
 * OpenSSL and libc. Other processes are not looked into, nothing is mounted, no namespace is made,
 * keys of the kernel's are out of reach, and what the kernel has had its holes in is not there.
 * Called by: the gate, the proxy, the control plane, after all else. Owns: nothing. Threads: none yet, or they keep all.
 */
#ifndef SERVICE_CALLS_H
#define SERVICE_CALLS_H

enum calls_may {
	CALLS_ALONE,    /* no program is begun any more */
	CALLS_PROGRAMS, /* those are */
};

/** calls_give_up() - for ever; @families: AF_... of its sockets, 0 at the end. 0; negative errno */
int calls_give_up(const int *families, enum calls_may may);

#endif
