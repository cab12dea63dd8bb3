/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_options.h - the command line of "run": a spec, its flags, and what follows the "--"
 *
 * Called by: sandbox_run.c. Threads: none.
 */
#ifndef TEROK_SANDBOX_OPTIONS_H
#define TEROK_SANDBOX_OPTIONS_H

#include "sandbox_spec.h"

struct run_options {
	struct spec spec;
	bool dry_run, json, quiet;
};

/**
 * options_parse() - what "run" was told, a spec that was checked
 *
 * Flags stand in for what --spec says, and add to its lists. Values of variables are wiped from
 * @argv, which everybody can read in /proc. Return: 0; -EINVAL, -ECANCELED, or another errno, said
 * already. @ret is to be given to spec_done() in any case.
 */
int options_parse(int argc, char **argv, struct run_options *ret);

#endif
