/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counted.h - which refusals an agent has read, in a file that its test reads as well
 *
 * A refusal is known by the address that was tried (its last byte: the kind) and the port.
 */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include <stdint.h>

#define COUNTED_FILE  "TEROK_TEST_COUNTED" /* names the file */
#define COUNTED_KINDS 8
#define COUNTED_PORTS 65536

struct counted {
	uint64_t read;                                /* records, by all agents */
	uint64_t last_ns;                             /* when the last was */
	uint64_t pause_ns;                            /* the longest between two */
	uint16_t times[COUNTED_KINDS][COUNTED_PORTS]; /* each refusal was read */
};

#endif
