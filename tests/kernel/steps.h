/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps.h - kill a program at its N-th step, whatever that step is
 *
 * A step is a system call that changes something others can see: bpf() that writes, pins or
 * attaches, a file or folder made, written, renamed or removed, a message sent. The program is
 * traced (ptrace) and killed at the entry of the call, so steps before it have happened and
 * it has not. No fault point has to be thought of, and the program is the one that ships.
 */
#ifndef TESTS_STEPS_H
#define TESTS_STEPS_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * steps_run() - run a program and kill it at step @n (from 1)
 *
 * Return: true if it was killed, false if it ended by itself before; then its exit code must
 * have been 0.
 */
bool steps_run(const char *const argv[], unsigned n);

/** steps_seize() - trace a program that runs; steps_go() lets it go on, to step @n from now */
void steps_seize(pid_t pid);

/**
 * steps_go() - let a seized process go on until it is killed at step @n, or @done says so
 *
 * Looks at @done after every stop and at least every 10 ms. Return: true if it was killed
 * (and reaped); false: done, and it is no longer traced.
 */
bool steps_go(pid_t pid, unsigned n, bool (*done)(void));

#endif
