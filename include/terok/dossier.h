/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/dossier.h - who a container is for people: annotations into struct terok_dossier
 *
 * dossier.KEY is the pair KEY; dossier.meta_path is the path of a JSON object that overrides the
 * pairs, and is never a pair itself. Known keys are project, task, name and container_name.
 * Keys and values are bytes that somebody chose: whoever shows them sanitises them. Threads: none.
 */
#ifndef TEROK_DOSSIER_H
#define TEROK_DOSSIER_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "terok/abi.h"

#define TEROK_DOSSIER_PREFIX "dossier."
#define TEROK_DOSSIER_META   "meta_path"

/** terok_dossier_get() - NULL: there is no such pair */
static inline const char *terok_dossier_get(const struct terok_dossier *dossier, const char *key)
{
	for (__u32 i = 0; i < dossier->n; i++)
		if (!strcmp(dossier->key[i], key))
			return dossier->value[i];
	return NULL;
}

/**
 * terok_dossier_put() - add a pair, or change it; a long value is cut
 *
 * Return: 0; -EINVAL no key, or the reserved one, -ENAMETOOLONG a long key, -ENOSPC no room: then
 * nothing was changed, and the guard does without that pair.
 */
static inline int terok_dossier_put(struct terok_dossier *dossier, const char *key,
				    const char *value)
{
	size_t len = strlen(value);
	__u32 at = 0;

	if (!*key || !strcmp(key, TEROK_DOSSIER_META))
		return -EINVAL;
	if (strlen(key) >= TEROK_DOSSIER_KEY)
		return -ENAMETOOLONG;
	while (at < dossier->n && strcmp(dossier->key[at], key))
		at++;
	if (at == TEROK_DOSSIER_MAX)
		return -ENOSPC;
	if (len >= TEROK_DOSSIER_VALUE) {
		len = TEROK_DOSSIER_VALUE - 1;
		while (len && (value[len] & 0xc0) == 0x80)
			len--;
	}
	memset(dossier->key[at], 0, TEROK_DOSSIER_KEY);
	memset(dossier->value[at], 0, TEROK_DOSSIER_VALUE);
	memcpy(dossier->key[at], key, strlen(key));
	memcpy(dossier->value[at], value, len);
	dossier->n += at == dossier->n;
	return 0;
}

/**
 * terok_dossier_annotate() - one annotation of a container, whatever it is
 *
 * Return: 1 it was taken, 0 it is none of the dossier's, or as terok_dossier_put(); a path that
 * is not absolute, or too long, is -EINVAL.
 */
static inline int terok_dossier_annotate(struct terok_dossier *dossier, const char *key,
					 const char *value)
{
	const size_t n = sizeof(TEROK_DOSSIER_PREFIX) - 1;
	int r;

	if (strncmp(key, TEROK_DOSSIER_PREFIX, n))
		return 0;
	if (strcmp(key + n, TEROK_DOSSIER_META)) {
		r = terok_dossier_put(dossier, key + n, value);
		return r ? r : 1;
	}
	if (*value != '/' || strlen(value) >= sizeof(dossier->meta_path))
		return -EINVAL;
	memset(dossier->meta_path, 0, sizeof(dossier->meta_path));
	memcpy(dossier->meta_path, value, strlen(value));
	return 1;
}

/** terok_dossier_said() - is there anything in it? */
static inline _Bool terok_dossier_said(const struct terok_dossier *dossier)
{
	return dossier->n || dossier->flags || *dossier->meta_path;
}

/**
 * terok_dossier_take() - what somebody else filled in, as if terok_dossier_put() had done it
 * @ret: only pairs that it would have taken, every text with its end
 */
static inline void terok_dossier_take(const struct terok_dossier *given, struct terok_dossier *ret)
{
	struct terok_dossier copy = *given;

	memset(ret, 0, sizeof(*ret));
	if (copy.n > TEROK_DOSSIER_MAX)
		copy.n = TEROK_DOSSIER_MAX;
	for (__u32 i = 0; i < copy.n; i++) {
		copy.key[i][TEROK_DOSSIER_KEY - 1] = '\0';
		copy.value[i][TEROK_DOSSIER_VALUE - 1] = '\0';
		terok_dossier_put(ret, copy.key[i], copy.value[i]);
	}
	ret->flags = copy.flags & TEROK_DOSSIER_NAMED;
	if (*copy.meta_path == '/')
		memcpy(ret->meta_path, copy.meta_path, sizeof(copy.meta_path) - 1);
}

#endif
