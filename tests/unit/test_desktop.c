// SPDX-License-Identifier: Apache-2.0
/* test_desktop.c - tools/clearance_desktop.c: text and nothing but text, the icon */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

/* a program's own sources are in no archive */
#include "tools/bus.c"
#include "tools/clearance_desktop.c"

static void is(enum desktop_text kind, const char *src, const char *want)
{
	char buf[DESKTOP_TEXT_SIZE(BODY_MAX)];

	assert_ptr_equal(desktop_text(buf, BODY_MAX, src, kind), buf);
	assert_string_equal(buf, want);
}

static void markup_is_written_where_there_is_markup_and_left_out_elsewhere(void **state)
{
	(void)state;
	/* the ampersand of an escape is not escaped again */
	is(TEXT_BODY_MARKUP, "<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;");
	is(TEXT_BODY_MARKUP, "a & b", "a &amp; b");
	is(TEXT_BODY, "<b>a & b</b>", "ba  b/b");
	is(TEXT_SUMMARY, "<a href=\"x\">", "a href=\"x\"");
}

static void text_is_what_can_be_seen_in_the_order_it_stands_in(void **state)
{
	(void)state;
	is(TEXT_BODY, "one\ntwo\r\tthree\x1b[31m\x7f", "one\ntwo  three [31m ");
	is(TEXT_SUMMARY, "one\ntwo", "one two");
	is(TEXT_BODY, "evil\xe2\x80\xaegnp.exe", "evil gnp.exe"); /* right-to-left override */
	is(TEXT_BODY,
	   "a\xe2\x81\xa6"
	   "b\xe2\x80\x8b"
	   "c\xef\xbb\xbf",
	   "a b c "); /* isolate, no width */
	is(TEXT_BODY, "a\xd8\x9c\xe2\x80\xa8\xc2\x9b\xc2\xad", "a    ");
	is(TEXT_BODY, "web/7 \xc2\xb7 b\xc3\xbc\xf0\x9f\x90\xa7",
	   "web/7 \xc2\xb7 b\xc3\xbc\xf0\x9f\x90\xa7");
}

static void bytes_that_are_no_utf8_are_spaces(void **state)
{
	static const char *const bad[] = {
		"\xff",         "\x80",         "\xc3",     "\xc0\xaf",
		"\xe0\x80\xaf", "\xed\xa0\x80", "\xf5\x80", "\xf4\x90\x80\x80",
		"\xf0\x80\x80", "\xe2\x80",
	};
	char buf[DESKTOP_TEXT_SIZE(16)];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		desktop_text(buf, 16, bad[i], TEXT_BODY);
		assert_int_equal(strlen(buf), strlen(bad[i]));
		assert_int_equal(strspn(buf, " "), strlen(buf));
	}
}

static void a_text_that_is_too_long_ends_in_dots(void **state)
{
	char src[64] = "", buf[DESKTOP_TEXT_SIZE(8)];

	(void)state;
	assert_string_equal(desktop_text(buf, 8, "12345678", TEXT_BODY), "12345678");
	assert_string_equal(desktop_text(buf, 8, "123456789", TEXT_BODY), "12345...");
	assert_string_equal(desktop_text(buf, 2, "123", TEXT_BODY), "..");
	/* characters, not bytes, and markup as what it stands for */
	assert_string_equal(
	    desktop_text(buf, 4, "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", TEXT_BODY),
	    "\xc3\xbc...");
	memset(src, '&', 8);
	assert_int_equal(strlen(desktop_text(buf, 8, src, TEXT_BODY_MARKUP)), 40);
	memset(src, '&', 9);
	assert_string_equal(desktop_text(buf, 8, src, TEXT_BODY_MARKUP),
			    "&amp;&amp;&amp;&amp;&amp;...");
}

/* Is it text: UTF-8 that can be seen, no markup but ours, at most @max characters? */
static void is_text(const char *buf, size_t max, enum desktop_text kind)
{
	const uint8_t *s = (const uint8_t *)buf;
	size_t shown = 0;

	while (*s) {
		unsigned bytes;
		int32_t point = point_at(s, &bytes);

		assert_true(point_shows(point) || (point == '\n' && kind != TEXT_SUMMARY));
		assert_true(point != '<' && point != '>');
		if (point == '&') {
			assert_int_equal(kind, TEXT_BODY_MARKUP);
			bytes = !memcmp(s, "&amp;", 5) ? 5 : 4;
			assert_true(bytes == 5 || !memcmp(s, "&lt;", 4) || !memcmp(s, "&gt;", 4));
		}
		s += bytes;
		shown++;
	}
	assert_true(shown <= max);
}

static void whatever_comes_only_text_leaves(void **state)
{
	/* halves of everything that is something */
	static const char *const bits[] = { "a",
					    "\n",
					    "\x1b[",
					    "<",
					    "&amp;",
					    ">",
					    "\xe2",
					    "\x80",
					    "\xae",
					    "\xf0\x9f",
					    "\x90\xa7",
					    "\xed\xa0",
					    "\xc2",
					    "\x9b",
					    "\xe2\x81\xa6",
					    "\xef\xbf\xbe",
					    "\xf3\xa0\x80\x81",
					    "\xc3\xbc",
					    "\xff",
					    "\x7f",
					    "\xf4\x90\x80",
					    "\xc0",
					    "\r\t",
					    "." };
	char src[256], buf[DESKTOP_TEXT_SIZE(64)];

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 20000; round++) {
		size_t max = random() % 65, n = random() % 60;

		for (src[0] = '\0'; n; n--)
			strcat(src, bits[random() % (sizeof(bits) / sizeof(bits[0]))]);
		for (enum desktop_text kind = TEXT_SUMMARY; kind <= TEXT_BODY_MARKUP; kind++)
			is_text(desktop_text(buf, max, src, kind), max, kind);
	}
}

static void touch(const char *folder, const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0700);
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void the_icon_is_the_themes_else_the_file_else_none(void **state)
{
	char folder[] = "/tmp/test_desktop.XXXXXX", file[128], dirs[128], rm[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(dirs, sizeof(dirs), "/nonexistent:%s/two", folder);
	setenv("XDG_DATA_DIRS", dirs, 1);
	setenv("XDG_DATA_HOME", folder, 1);
	setenv("TEROK_DATA", folder, 1);
	assert_string_equal(desktop_icon(), "");
	touch(folder, "terok-logo.svg");
	snprintf(file, sizeof(file), "file://%s/terok-logo.svg", folder);
	assert_string_equal(desktop_icon(), file);
	/* that there is none is looked at again, that there is one is not */
	touch(folder, "two/icons/hicolor/scalable/apps/terok-symbolic.svg");
	assert_string_equal(desktop_icon(), "terok-symbolic");
	snprintf(rm, sizeof(rm), "rm -r %s", folder);
	assert_int_equal(system(rm), 0);
	assert_string_equal(desktop_icon(), "terok-symbolic");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_is_written_where_there_is_markup_and_left_out_elsewhere),
		cmocka_unit_test(text_is_what_can_be_seen_in_the_order_it_stands_in),
		cmocka_unit_test(bytes_that_are_no_utf8_are_spaces),
		cmocka_unit_test(a_text_that_is_too_long_ends_in_dots),
		cmocka_unit_test(whatever_comes_only_text_leaves),
		cmocka_unit_test(the_icon_is_the_themes_else_the_file_else_none),
	};

	return cmocka_run_group_tests_name("desktop", tests, NULL, NULL);
}
