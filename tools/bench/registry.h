/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - the parts of the family "registry", a file each: what they share is its name
 *
 * Return: 0; negative errno, reported. Called by: bench_registry.c. One thread.
 */
#ifndef BENCH_REGISTRY_H
#define BENCH_REGISTRY_H

int registry_calls(void);    /* Register, over connections that are kept */
int registry_sessions(void); /* a thousand of them, that are held, idle, and begun again */

#endif
