// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_service_unit.c - whatever a unit holds it is read, and what we write into one is read again
 *
 * A unit is its user's to edit. A path that unit_make() takes comes out of the unit's text as it was,
 * and adds no line to it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/unit.h"

#define MARK "# terok-test-version:"

static const struct service service = {
	.version = UNIT_VERSION,
	.socket_text = "# terok-test-version: @VERSION@\n[Socket]\nListenStream=@PLACE@\n",
	.unit_text = "# terok-test-version: @VERSION@\n[Service]\nEnvironment=@STATE@ @AT@\n"
		     "ExecStart=/bin/x serve @BASE@ --last\n",
};

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void read_any(const char *text)
{
	unsigned port;

	if (unit_version(text, MARK) >= 0 && !unit_marked(text, MARK))
		abort();
	free(unit_exec_word(text, ""));
	free(unit_exec_word(text, "--base-path="));
	free(unit_listen(text, &port));
	if (port > 65535)
		abort();
}

static void write_and_read(const char *path)
{
	const struct unit_value values[] = {
		{ "PLACE", UNIT_LINE, "a place", "", path },
		{ "STATE", UNIT_SETTING, "a state", "STATE=", path },
		{ "BASE", UNIT_EXEC, "a base", "--base-path=", path },
		{},
	};
	char *socket = NULL, *unit = NULL, *word, *last;
	struct problem why = {};

	if (unit_make(&service, values, &socket, &unit, &why)) {
		if (!*why.text)
			abort();
		return;
	}
	word = unit_exec_word(unit, "--base-path=");
	last = unit_exec_word(unit, "--last");
	if (!word || strcmp(word, path) || !last || lines(unit) != 4 || lines(socket) != 3 ||
	    unit_version(unit, MARK) != UNIT_VERSION)
		abort();
	free(word);
	free(last);
	free(socket);
	free(unit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2);

	if (!text)
		return 0;
	text[0] = '/';
	memcpy(text + 1, data, size);
	text[size + 1] = '\0';
	read_any(text + 1);
	write_and_read(text);
	free(text);
	return 0;
}
