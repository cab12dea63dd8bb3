/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h - what a transfer did, out of the bytes that passed
 *
 * Of a push: which refs were to be what (the client's words, which git holds against what they
 * are), and what git said became of each. Of a fetch: whether the client had something already,
 * and whether it got a pack. A body that is gzipped is read through. Nothing here holds up or
 * changes a byte, and what cannot be read is not told.
 *
 * Owns: what it has seen, WITNESS_REFS refs at most. Called by: server.c. Threads: none.
 */
#ifndef GATE_WITNESS_H
#define GATE_WITNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "audit.h"

struct witness;

/** witness_new() - NULL without memory: then nothing is told. @gzipped: the body is */
struct witness *witness_new(bool push, bool gzipped);
void witness_free(struct witness *witness);

/** witness_saw() - bytes of the request's body (@in), or of the reply's */
void witness_saw(struct witness *witness, bool in, const char *bytes, size_t n);

/**
 * witness_deed() - what it was
 *
 * Return: true with @ret's what and refs, which are the witness's; false: nothing to be told of.
 */
bool witness_deed(const struct witness *witness, struct audit_deed *ret);

#endif
