/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_inside.h - ask as a process of a guard would: by a socket of its own cgroup and network
 *
 * A socket belongs to the cgroup that it was made in, whoever uses it. So a child steps into the
 * guard's cgroup and network, makes the socket, hands it over and ends: nobody of ours lives in
 * there, and all hooks see the socket as the guard's. What is asked is asked of the agent alone: no
 * question leaves the host, nobody is asked about it, and nothing is counted as refused.
 * Owns: nothing. Called by: doctor_names.c. Threads: none.
 */
#ifndef TEROK_DOCTOR_INSIDE_H
#define TEROK_DOCTOR_INSIDE_H

#include "guard.h"

/**
 * doctor_socket() - an IPv4 socket of the guard, SOCK_STREAM or SOCK_DGRAM; close-on-exec
 *
 * Return: a descriptor; -ESRCH nobody lives in it; -ETIMEDOUT its cgroup is frozen; what the kernel
 * says.
 */
int doctor_socket(const struct guard *guard, int type);

/**
 * doctor_ask_nobodys() - ask some name server for a name that nobody can allow
 *
 * Where the question goes is the hooks' to change, and where the answer comes from theirs to put
 * back. Return: 0: "no such name", from whom it was asked; -EBADMSG another answer; -EXDEV it came
 * from somebody else; -ETIMEDOUT; what the kernel says.
 */
int doctor_ask_nobodys(const struct guard *guard);

/** doctor_ask_why() - get /why.json of 169.254.84.75; 0; -EBADMSG no 200; what the kernel says */
int doctor_ask_why(const struct guard *guard);

#endif
