/* SPDX-License-Identifier: Apache-2.0 */
/* demo.h - what the two halves of terok-demo share */
#ifndef TOOLS_DEMO_H
#define TOOLS_DEMO_H

/**
 * demo_client() - print what the hub at @path says, pass on the answers that stdin gives
 *
 * Return: 0 when stdin or the hub ended, negative errno.
 */
int demo_client(const char *path);

#endif
