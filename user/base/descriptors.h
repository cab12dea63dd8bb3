/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.h - how many a process may have
 *
 * Shells and systemd give 1,024, for programs that know no other way to wait than select(2); with
 * our loop a process may have as many as its hard limit says. Threads: any.
 */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

/** descriptors_raise() - as many as we may have; how many that is, 0 if it is not known */
unsigned long descriptors_raise(void);

#endif
