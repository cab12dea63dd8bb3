/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handed.h - this program as another: what an exec, setuid or not, does in handed.c
 */
#ifndef TESTS_ESCAPE_HANDED_H
#define TESTS_ESCAPE_HANDED_H

#define HANDED_ARG "--handed"

/** handed_main() - main() of such a run: ends with 0 or an errno */
int handed_main(int argc, char **argv);

#endif
