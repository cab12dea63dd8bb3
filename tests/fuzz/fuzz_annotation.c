// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_annotation.c - whatever annotations say, the word they make is one that the agent takes
 *
 * The same bytes are the text of terok.guard, a JSON object of annotations, and a runtime's command
 * line. No state_dir is opened: that is the file system's to say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "enrol_word.h"
#include "tools/hook_annotation.h"
#include "tools/hook_shield.h"
#include "tools/hook_tell.h"

static void check(struct control_attach *word)
{
	word->version = CONTROL_HOOK_VERSION;
	memset(word->id, 'a', 64);
	if (!*word->name)
		strcpy(word->name, "box");
	if (enrol_word_check(word, 0, NULL))
		abort();
}

static void words(const char *text)
{
	static struct control_attach word;
	struct problem why = {};

	memset(&word, 0, sizeof(word));
	if (!annotation_parse(text, &word, &why))
		check(&word);
	else if (!strstr(why.text, ANNOTATION_KEY))
		abort();
}

static void annotations(const char *text, size_t size)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	static struct control_attach word;
	struct problem why = {};
	int folder;

	if (json_parse(text, size, &object) || !json_object_is_type(object, json_type_object))
		return;
	json_object_object_del(object, "terok.shield.state_dir");
	memset(&word, 0, sizeof(word));
	annotation_dossier(object, &word);
	if (word.dossier.n > TEROK_DOSSIER_MAX)
		abort();
	if (!shield_parse(object, &word, &folder, &why))
		check(&word);
	else if (!*why.text)
		abort();
	if (folder != -1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *log;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	log = hook_log_of(text, size);
	if (log && (log < text || log >= text + size || *log != '/'))
		abort();
	words(text);
	annotations(text, size);
	free(text);
	return 0;
}
