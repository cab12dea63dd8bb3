// SPDX-License-Identifier: Apache-2.0
/* fuzz_podman.c - what a watcher reads: podman's JSON, files over dossiers, monitors' command lines */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "watcher/text.h"

static void check_dossier(const struct terok_dossier *dossier)
{
	struct terok_dossier sound;

	terok_dossier_take(dossier, &sound);
	if (memcmp(dossier, &sound, sizeof(sound)) ||
	    terok_dossier_get(dossier, TEROK_DOSSIER_META))
		abort();
}

static void check_name(const char *id, const char *name, void *user)
{
	(void)user;
	if (!container_is_id(id) || !container_is_name(name))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct terok_dossier dossier;
	struct monitor monitor;
	bool annotated;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!text_config(text, size, &annotated, &dossier))
		check_dossier(&dossier);
	if (!text_meta(text, size, &dossier)) {
		check_dossier(&dossier);
		if (*dossier.meta_path)
			abort();
	}
	text_event(text, size);
	text_names(text, size, check_name, NULL);
	if (!monitor_parse(text, size, &monitor)) {
		check_name(monitor.id, monitor.name, NULL);
		if (*monitor.bundle && *monitor.bundle != '/')
			abort();
	}
	free(text);
	return 0;
}
