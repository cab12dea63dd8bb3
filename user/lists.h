/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists.h - a guard's kept policy as text files in its folder, for people and scripts
 *
 *   profile.allowed, profile.domains   what its profiles allow
 *   live.allowed, live.domains         what people allowed since
 *   deny.list, denied.domains          what is denied, whoever said so
 *   container.id                       first 12 digits, of a container
 *
 * One entry a line, sorted, in the form that `allow` and profiles take: an address or prefix,
 * with :port and /protocol where the rule names them. Only what has no end: a file is not
 * written again when a rule ends. They are made from the journal and decide nothing.
 *
 * Owns: these files. Called by: whoever changed kept policy. Threads: none.
 */
#ifndef TEROK_LISTS_H
#define TEROK_LISTS_H

#include "terok/abi.h"

/** lists_write() - write those that changed, each whole; a failure is a warning */
void lists_write(const struct terok_info *guard);

#endif
