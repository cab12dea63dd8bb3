// SPDX-License-Identifier: Apache-2.0
/* test_audit_line.c - user/audit.c: one line of a refusal, as far as there is anything to say */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "audit.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/terok-audit.XXXXXX");
	assert_non_null(mkdtemp(dir));
	return setenv("TEROK_STATE", dir, 1);
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* The line that is written for a refusal of that protocol. */
static const char *line_of(uint8_t proto, const struct terok_dossier *dossier)
{
	static char line[2048];
	struct terok_info info = { .kind = TEROK_KIND_CONTAINER,
				   .name = "web",
				   .container = "web" };
	struct terok_record record = {
		.guard = 1, .proto = proto, .dst_port = 443, .reason = TEROK_REASON_DEFAULT
	};
	char path[128];
	FILE *in;

	audit_refused(NULL, &info, &record, "example.com", NULL, dossier);
	snprintf(path, sizeof(path), "%s/containers/web/audit.jsonl", dir);
	in = fopen(path, "re");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		;
	fclose(in);
	return line;
}

static void a_protocol_without_a_name_is_its_number(void **state)
{
	(void)state;
	assert_non_null(strstr(line_of(IPPROTO_TCP, NULL), "\"proto\":\"tcp\""));
	assert_non_null(strstr(line_of(IPPROTO_UDP, NULL), "\"proto\":\"udp\""));
	assert_non_null(strstr(line_of(IPPROTO_GRE, NULL), "\"proto\":\"47\""));
	assert_non_null(strstr(line_of(IPPROTO_SCTP, NULL), "\"proto\":\"132\""));
}

static void a_dossier_is_there_if_it_says_something(void **state)
{
	struct terok_dossier dossier = {};

	(void)state;
	assert_null(strstr(line_of(IPPROTO_TCP, NULL), "dossier"));
	assert_null(strstr(line_of(IPPROTO_TCP, &dossier), "dossier"));
	terok_dossier_put(&dossier, "task", "7\x1b\"");
	strcpy(dossier.meta_path, "/secret");
	assert_non_null(
	    strstr(line_of(IPPROTO_TCP, &dossier),
		   "\"proto\":\"tcp\",\"dossier\":{\"task\":\"7\\u001b\\\"\"},\"reason\""));
	assert_null(strstr(line_of(IPPROTO_TCP, &dossier), "secret"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_protocol_without_a_name_is_its_number),
		T(a_dossier_is_there_if_it_says_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
