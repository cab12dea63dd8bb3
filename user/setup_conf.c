// SPDX-License-Identifier: Apache-2.0
#include "setup_conf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define NEST_MAX 16
#define BARE     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define KEY_MAX  3 /* parts of a key that are looked at */

void conf_dirs_done(struct conf_dirs *dirs)
{
	while (dirs->n)
		free(dirs->dir[--dirs->n]);
}

void conf_done(struct conf *conf)
{
	conf_dirs_done(&conf->dirs);
}

bool conf_dirs_has(const struct conf_dirs *dirs, const char *dir)
{
	for (unsigned i = 0; i < dirs->n; i++)
		if (!strcmp(dirs->dir[i], dir))
			return true;
	return false;
}

int conf_dirs_add(struct conf_dirs *dirs, const char *dir)
{
	if (conf_dirs_has(dirs, dir))
		return 0;
	if (dirs->n == CONF_DIRS_MAX)
		return -EFBIG;
	dirs->dir[dirs->n] = strdup(dir);
	return dirs->dir[dirs->n] ? dirs->n++, 0 : -ENOMEM;
}

/* --- reading ------------------------------------------------------------------------------ */

struct reader {
	const char *text;
	size_t size, at;
	unsigned line;
	struct problem *why;
};

static int bad(struct reader *r, const char *what)
{
	return problem(r->why, -EBADMSG, "line %u: %s", r->line, what);
}

/* -1 behind the end */
static int peek(const struct reader *r)
{
	return r->at < r->size ? (unsigned char)r->text[r->at] : -1;
}

static bool begins(const struct reader *r, const char *with)
{
	size_t n = strlen(with);

	return r->size - r->at >= n && !memcmp(r->text + r->at, with, n);
}

static void skip_blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t')
		r->at++;
}

/* The end of a line, if we stand at one: its bytes. */
static size_t eol(const struct reader *r)
{
	return begins(r, "\n") ? 1 : begins(r, "\r\n") ? 2 : 0;
}

static void skip_comment(struct reader *r)
{
	if (peek(r) != '#')
		return;
	while (r->at < r->size && !eol(r) && peek(r) != '\r')
		r->at++;
}

/* Blanks, ends of lines and comments, as between the values of an array. */
static void skip_space(struct reader *r)
{
	for (;;) {
		size_t n;

		skip_blanks(r);
		skip_comment(r);
		n = eol(r);
		if (!n)
			return;
		r->at += n;
		r->line++;
	}
}

/* A string of one line; its text, if @buf is wanted, where escapes but \\ and \" are not known. */
static int string_take(struct reader *r, char *buf, size_t room)
{
	char quote = r->text[r->at++];
	size_t n = 0;

	for (;; r->at++) {
		int c = peek(r);

		if (c < 0 || eol(r))
			return bad(r, "a string does not end");
		if (c == quote)
			break;
		if (c == '\\' && quote == '"') {
			r->at++;
			c = peek(r);
			if (c < 0 || (buf && c != '\\' && c != '"'))
				return bad(r, "an escape in a string that is not understood here");
		}
		if (buf && n + 1 >= room)
			return bad(r, "a string is too long");
		if (buf)
			buf[n++] = c;
	}
	r->at++;
	if (buf)
		buf[n] = '\0';
	return 0;
}

/* """ or ''' */
static int block_skip(struct reader *r)
{
	char end[4] = { r->text[r->at], r->text[r->at], r->text[r->at] };

	for (r->at += 3; !begins(r, end); r->at++) {
		if (peek(r) < 0)
			return bad(r, "a string of several lines does not end");
		if (peek(r) == '\n')
			r->line++;
		if (peek(r) == '\\' && *end == '"' && r->at + 1 < r->size &&
		    r->text[r->at + 1] != '\n')
			r->at++;
	}
	r->at += 3;
	while (peek(r) == *end) /* up to two quotes may stand before the three */
		r->at++;
	return 0;
}

static int value_skip(struct reader *r, unsigned depth);

/* What stands between brackets or braces: values and, in braces, keys; we look for the end alone. */
static int nest_skip(struct reader *r, unsigned depth)
{
	char end = r->text[r->at++] == '[' ? ']' : '}';

	if (depth == NEST_MAX)
		return bad(r, "nested too deep");
	for (;;) {
		int c, err;

		skip_space(r);
		c = peek(r);
		if (c == end)
			return r->at++, 0;
		if (c < 0 || c == ']' || c == '}')
			return bad(r, "a bracket is not closed");
		if (c == ',' || c == '=') {
			r->at++;
			continue;
		}
		err = value_skip(r, depth + 1);
		if (err)
			return err;
	}
}

static int value_skip(struct reader *r, unsigned depth)
{
	size_t begin;

	if (begins(r, "\"\"\"") || begins(r, "'''"))
		return block_skip(r);
	if (peek(r) == '"' || peek(r) == '\'')
		return string_take(r, NULL, 0);
	if (peek(r) == '[' || peek(r) == '{')
		return nest_skip(r, depth);
	begin = r->at;
	while (peek(r) >= 0 && !eol(r) && !strchr(",]}=# \t\r[{\"'", peek(r)))
		r->at++;
	return r->at > begin ? 0 : bad(r, "a value is expected");
}

/* hooks_dir's own: strings, and tables that say {append=true}. */
static int dirs_read(struct reader *r, struct conf *conf)
{
	char dir[CONF_DIR_LEN];
	int err;

	if (peek(r) != '[')
		return bad(r, "hooks_dir is no array");
	for (r->at++;;) {
		skip_space(r);
		if (peek(r) == ']')
			return r->at++, 0;
		if (peek(r) == '{') {
			size_t begin = r->at;

			err = nest_skip(r, 0);
			if (!err && memmem(r->text + begin, r->at - begin, "true", 4))
				conf->append = true;
		} else if (peek(r) == '"' || peek(r) == '\'') {
			err = string_take(r, dir, sizeof(dir));
			if (!err && conf_dirs_add(&conf->dirs, dir))
				err = bad(r, "too many folders");
		} else {
			err = bad(r, "hooks_dir is no array of strings");
		}
		if (err)
			return err;
		skip_space(r);
		if (peek(r) == ',')
			r->at++;
		else if (peek(r) != ']')
			return bad(r, "a comma or ] is expected");
	}
}

struct key {
	char part[KEY_MAX][32];
	unsigned n;
};

static int part_take(struct reader *r, char *buf, size_t room)
{
	size_t n = 0;

	if (peek(r) == '"' || peek(r) == '\'') {
		char long_one[CONF_DIR_LEN];
		int err = string_take(r, long_one, sizeof(long_one));

		return err ?: (snprintf(buf, room, "%.31s", long_one), 0);
	}
	for (; peek(r) > 0 && strchr(BARE, peek(r)); r->at++)
		if (n + 1 < room)
			buf[n++] = r->text[r->at];
	buf[n] = '\0';
	return n ? 0 : bad(r, "a key is expected");
}

/* A key with its dots; parts beyond those that we look at are counted. */
static int key_take(struct reader *r, struct key *key)
{
	char scratch[32];

	for (key->n = 0;;) {
		int err;

		skip_blanks(r);
		err = part_take(r, key->n < KEY_MAX ? key->part[key->n] : scratch, 32);
		if (err)
			return err;
		key->n++;
		skip_blanks(r);
		if (peek(r) != '.')
			return 0;
		r->at++;
	}
}

static bool key_is(const struct key *key, const char *one, const char *two)
{
	return key->n == (two ? 2u : 1u) && !strcmp(key->part[0], one) &&
	       (!two || !strcmp(key->part[1], two));
}

static bool marked(const struct reader *r)
{
	size_t n = strlen(CONF_MARK);

	return r->at >= n && !memcmp(r->text + r->at - n, CONF_MARK, n);
}

/* Behind a header or a value: nothing but a comment. */
static int line_finish(struct reader *r)
{
	skip_blanks(r);
	skip_comment(r);
	return r->at == r->size || eol(r) ? 0 : bad(r, "more than one thing in a line");
}

static int header_read(struct reader *r, struct key *table, struct conf *conf)
{
	size_t begin = r->at;
	bool list = begins(r, "[[");
	int err;

	r->at += list ? 2 : 1;
	err = key_take(r, table);
	if (err)
		return err;
	if (!begins(r, list ? "]]" : "]"))
		return bad(r, "] is expected");
	r->at += list ? 2 : 1;
	err = line_finish(r);
	if (err || list || !key_is(table, "engine", NULL))
		return err;
	if (conf->header_end)
		return bad(r, "[engine] for a second time");
	conf->header = begin;
	conf->header_end = r->at;
	conf->header_ours = marked(r);
	return 0;
}

static int setting_read(struct reader *r, const struct key *table, struct conf *conf)
{
	size_t begin = r->at;
	unsigned line = r->line;
	struct key key;
	bool it;
	int err = key_take(r, &key);

	if (err)
		return err;
	if (peek(r) != '=')
		return bad(r, "= is expected");
	r->at++;
	skip_blanks(r);
	it = key_is(table, "engine", NULL) && key_is(&key, "hooks_dir", NULL);
	if (!table->n && !strcmp(key.part[0], "engine")) {
		it = key_is(&key, "engine", "hooks_dir");
		if (!it)
			return bad(
			    r, "settings of engine outside of [engine] are not understood here");
	}
	if (it && conf->set)
		return bad(r, "hooks_dir for a second time");
	err = it ? dirs_read(r, conf) : value_skip(r, 0);
	if (!err)
		err = line_finish(r);
	if (err || !it)
		return err;
	conf->set = true;
	conf->line = begin;
	conf->line_end = r->at;
	conf->number = line;
	conf->ours = marked(r);
	return 0;
}

int conf_read(const char *text, size_t size, struct conf *ret, struct problem *why)
{
	struct reader r = { .text = text, .size = size, .line = 1, .why = why };
	struct key table = {};
	int err = 0;

	*ret = (struct conf){};
	if (size > CONF_SIZE_MAX)
		return problem(why, -EFBIG, "it is larger than %d bytes", CONF_SIZE_MAX);
	if (begins(&r, "\xef\xbb\xbf"))
		r.at = 3;
	for (;;) {
		skip_space(&r);
		if (err || r.at == r.size)
			return err;
		err = peek(&r) == '[' ? header_read(&r, &table, ret)
				      : setting_read(&r, &table, ret);
	}
}

/* --- writing ------------------------------------------------------------------------------ */

/* hooks_dir = ["...", "..."] # mark */
static int line_make(const struct conf_dirs *dirs, char **ret, struct problem *why)
{
	_cleanup_free_ char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		return -ENOMEM;
	fputs("hooks_dir = [", f);
	for (unsigned i = 0; i < dirs->n; i++) {
		fprintf(f, "%s\"", i ? ", " : "");
		for (const char *p = dirs->dir[i]; *p; p++) {
			if (*p == '"' || *p == '\\')
				fputc('\\', f);
			if ((unsigned char)*p < 0x20 || *p == 0x7f) {
				fclose(f);
				return problem(why, -EINVAL,
					       "a path with a control character is not written");
			}
			fputc(*p, f);
		}
		fputc('"', f);
	}
	fputs("] " CONF_MARK, f);
	if (fclose(f))
		return -ENOMEM;
	*ret = TAKE_PTR(line);
	return 0;
}

/* @text with @new in place of the bytes from @begin to @end. */
static int splice(const char *text, size_t size, size_t begin, size_t end, const char *new,
		  char **ret, size_t *ret_size)
{
	size_t n = strlen(new), whole = begin + n + (size - end);
	char *made = malloc(whole + 1);

	if (!made)
		return -ENOMEM;
	memcpy(made, text, begin);
	memcpy(made + begin, new, n);
	memcpy(made + begin + n, text + end, size - end);
	made[whole] = '\0';
	*ret = made;
	*ret_size = whole;
	return 0;
}

int conf_put(const char *text, size_t size, const struct conf *conf, const struct conf_dirs *dirs,
	     char **ret, size_t *ret_size, struct problem *why)
{
	const char *end = memmem(text, size, "\r\n", 2) ? "\r\n" : "\n";
	_cleanup_free_ char *line = NULL, *new = NULL;
	bool whole = !size || text[size - 1] == '\n';
	int r = line_make(dirs, &line, why);

	if (r)
		return r;
	/* behind the header and before the end of its line, which may be missing: so no byte moves */
	if (conf->header_end)
		r = asprintf(&new, "%s%s", end, line);
	else
		r = asprintf(&new, "%s[engine] " CONF_MARK "%s%s%s", whole ? "" : end, end, line,
			     whole ? end : "");
	if (r < 0)
		return new = NULL, -ENOMEM;
	return splice(text, size, conf->header_end ?: size, conf->header_end ?: size, new, ret,
		      ret_size);
}

/* Where the line before @at ends, without its end. */
static size_t before(const char *text, size_t at)
{
	if (at && text[at - 1] == '\n')
		at -= at > 1 && text[at - 2] == '\r' ? 2 : 1;
	return at;
}

/* Are there but blank lines and comments from @at to the next header or the end? */
static bool section_empty(const char *text, size_t size, size_t at)
{
	struct reader r = { .text = text, .size = size, .at = at };

	skip_space(&r);
	return r.at == r.size || peek(&r) == '[';
}

int conf_take(const char *text, size_t size, const struct conf *conf, char **ret, size_t *ret_size)
{
	struct reader r = { .text = text, .size = size, .at = conf->line_end };
	size_t begin;

	if (!conf->set || !conf->ours)
		return -ENOENT;
	begin = before(text, conf->line);
	if (!conf->header_ours || conf->header_end != begin || !section_empty(text, size, r.at))
		return splice(text, size, begin, conf->line_end, "", ret, ret_size);
	/* the section is ours as well: with the end of its last line, or with the one before it */
	if (eol(&r))
		return splice(text, size, conf->header, conf->line_end + eol(&r), "", ret,
			      ret_size);
	return splice(text, size, before(text, conf->header), conf->line_end, "", ret, ret_size);
}
