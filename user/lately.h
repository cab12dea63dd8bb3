/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lately.h - the name that an address had a moment ago
 *
 * All addresses of a name are one question, so each refused call is looked up by its name, which
 * is the kernel's to say: a system call. A program that is refused a million times a second would
 * make a million of them, the ring would run over, and others' refusals would be lost in it. So
 * what was said of an address holds for LATELY_NS, or until an address is learned.
 *
 * Owns: a place for each of LATELY addresses, the last that fell on it; names of those that have
 * one. Called by: core. Threads: none.
 */
#ifndef TEROK_LATELY_H
#define TEROK_LATELY_H

#include <stdint.h>

#include "base/cleanup.h"
#include "kernel.h"
#include "terok/abi.h"

#define LATELY_NS UINT64_C(100000000)

struct lately;

int lately_new(struct lately **ret);
void lately_free(struct lately *lately);
DEFINE_CLEANUP(struct lately, lately_free)

/**
 * lately_name() - the name of the address that a record is of
 * @learned: rises with each address that is learned, nameserver_learned()
 *
 * Return: borrowed until the next call; "": it has none.
 */
const char *lately_name(struct lately *lately, const struct kernel *kernel,
			const struct terok_record *record, uint64_t learned);

#endif
