/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the ring's one consumer: batches, adaptive wake-up
 *
 * Waking a sleeping consumer costs the refused process more than its whole refusal (12 us
 * against 0.2), so the consumer says in a shared word whether it sleeps (terok_wake). The
 * first record clears that word and wakes it; from then on it looks by itself, and goes
 * back to sleep when nothing came for RECORD_LINGER_NS:
 *
 *   asleep    word is 1; the loop sleeps on the ring's descriptor   -> awake, by a record
 *   awake     word is 0; the loop looks again at once               -> napping, by a flood
 *   napping   word is 0; the loop looks every RECORD_NAP_NS         -> awake, when it thins
 *
 * The agreement cannot lose a wake-up: producers reserve room, then read the word; the
 * consumer writes the word, then reads the producers' position; both sides have a full
 * barrier between. A consumer that dies awake leaves the word 0: records wait in the ring.
 *
 * Owns: the mapping of terok_records and of terok_wake. Called by: core, or a bench.
 * Wire format: the kernel's Documentation/bpf/ringbuf.rst (header word with busy and
 * discard bits, 8-byte alignment). Threads: none.
 */
#ifndef TEROK_RECORD_H
#define TEROK_RECORD_H

#include "base/event.h"
#include "kernel.h"

#define RECORD_BATCH     512    /* records per round, so that one flood starves nobody */
#define RECORD_LINGER_NS 300000 /* how long to look for more before sleeping */
#define RECORD_NAP_NS    500000 /* a flood: come back when a ninth of the ring may be full */
#define RECORD_FLOOD     32     /* records found in one look that make it a flood */

/** record_fn - one record, valid during the call */
typedef void (*record_fn)(const struct terok_record *record, void *user);

struct records;

/** records_open() - map the ring; the caller holds agent.lock, so there is no other consumer */
int records_open(const struct kernel *kernel, record_fn fn, void *user, struct records **ret);

/** records_close() - unmap and leave the word awake; what is unread stays in the ring */
void records_close(struct records *records);
DEFINE_CLEANUP(struct records, records_close)

/** records_start() - consume from @loop: takes its poll function and adds the ring's fd */
int records_start(struct records *records, struct loop *loop);

/** records_drain() - consume at most @max records now; how many it was */
unsigned records_drain(struct records *records, unsigned max);

/** records_foreign() - records of another size or version that were skipped */
uint64_t records_foreign(const struct records *records);

#endif
