/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults.h - let the N-th system call of a kind fail, whatever it was
 *
 * The program is traced (ptrace): at the entry of the call its number is taken away, so that
 * the kernel does nothing, and at the exit the error is put in its place. No fault point has
 * to be thought of, and the program is the one that ships.
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fault {
	/* is it of the kind? @pid is stopped at its entry */
	bool (*hits)(pid_t pid, uint64_t call, const uint64_t args[6]);
	int error;
};

#define CALLS_MAX 1500 /* more than any program under test makes */

#define ARGV(...) ((const char *const[]){ bpfd, __VA_ARGS__, NULL })

/** faults_require() - exit 77 and name the reason where the registers are not known */
void faults_require(const char *suite);

/**
 * faults_run() - run a program, its @n-th call (from 1) that @fault hits fails
 * @code: its exit code; what it printed is in said (programs.h)
 *
 * Return: true if there was such a call.
 */
bool faults_run(const char *const argv[], const struct fault *fault, unsigned n, int *code);

/** assert_clear() - it exited 0, or 1 with one line; SURVIVE_SHOW in the environment prints it */
void assert_clear(const char *const argv[], int code, const struct fault *fault, unsigned n);

/** faults_seize() - trace a program that runs */
void faults_seize(pid_t pid);

/**
 * faults_go() - let a seized program go on until @done says so; its @n-th call of the kind fails
 *
 * Looks at @done after every stop and at least every 10 ms. It is no longer traced then, and
 * must not have ended. Return: true if there was such a call.
 */
bool faults_go(pid_t pid, const struct fault *fault, unsigned n, bool (*done)(void));

/**
 * fault_bpf() - any bpf() but those of fault_load(); fault_update() - one that writes a map
 *
 * fault_load() - one that makes a map, a program or type data. Most of them are libbpf's
 * questions about the kernel, and an answer that is wrong can make the verifier take seconds.
 */
bool fault_bpf(pid_t pid, uint64_t call, const uint64_t args[6]);
bool fault_load(pid_t pid, uint64_t call, const uint64_t args[6]);
bool fault_update(pid_t pid, uint64_t call, const uint64_t args[6]);

/** fault_disk() - a call that opens, writes, syncs, renames or removes a file below TEROK_STATE */
bool fault_disk(pid_t pid, uint64_t call, const uint64_t args[6]);

#endif
