/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_redact.h - a command line fit to be shown: quoted for a shell, without its secrets
 *
 * A value is a secret if its name has KEY, TOKEN, SECRET, API, PASSWORD or PRIVATE in it, in
 * either case, or is CODE_REPO or CLONE_FROM; so is what stands before the @ of a URL. A secret of
 * the environment is left out wherever it stands. Threads: none.
 */
#ifndef TEROK_SANDBOX_REDACT_H
#define TEROK_SANDBOX_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "sandbox_words.h"

#define REDACTED "<redacted>"

/** redact_name() - is the value of a variable with this name (@n bytes) a secret? */
bool redact_name(const char *name, size_t n);

/**
 * redact_words() - the words of a command line that may be shown
 * @env: "NAME=VALUE" of the environment that goes with it: its secrets are looked for
 *
 * @ret's words_error() says whether it is whole.
 */
void redact_words(const struct words *words, const struct words *env, struct words *ret);

/** redact_text() - the same of one text, which the caller frees; NULL: no memory */
char *redact_text(const char *text, const struct words *env);

/** redact_line() - words as a shell takes them; the caller frees; NULL: no memory */
char *redact_line(const struct words *words);

#endif
