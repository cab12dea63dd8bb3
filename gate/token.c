// SPDX-License-Identifier: Apache-2.0
#include "token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "service/own_file.h"
#include "token_file.h"

#define WORDS       (TOKEN_SIZE / sizeof(uint64_t))
#define ADMIN_LEAST 16 /* bytes: less could be guessed */
#define SETTLED_NS                                                                                 \
	2000000000LL /* a change within so long may have left the time of the file alone */

/* A token's text as numbers: all are compared with all of it. */
struct row {
	uint64_t word[WORDS];
};

struct tokens {
	char *path;
	struct token *admin;
	struct token_list list;
	struct row *row; /* list.n, and one for admin; an empty one matches nothing */
	struct stat st;
	bool read, settled, told;
	struct problem complaint;
};

/* --- one token ------------------------------------------------------------------------ */

struct token *token_new(void)
{
	struct token *token = calloc(1, sizeof(*token));

	if (token)
		token->refs = 1;
	return token;
}

struct token *token_get(struct token *token)
{
	if (token)
		token->refs++;
	return token;
}

void token_put(struct token *token)
{
	if (!token || --token->refs)
		return;
	for (unsigned i = 0; i < token->n_push; i++)
		free(token->push[i]);
	explicit_bzero(token->text, sizeof(token->text));
	free(token);
}

const char *token_shown(const char *text, char *ret)
{
	size_t n = strlen(text);

	/* an older token has another form: never more than half of it */
	snprintf(ret, TOKEN_SIZE, "%.*s", (int)(n / 2 < TOKEN_SHOWN ? n / 2 : TOKEN_SHOWN), text);
	return ret;
}

bool token_reaches(const struct token *token, const char *project, const char *container)
{
	if (*token->container && (!container || strcmp(token->container, container)))
		return false;
	return !strcmp(token->project, TOKEN_ADMIN) || !strcmp(token->project, project);
}

/* --- the file ------------------------------------------------------------------------- */

static struct token *admin_new(const char *text)
{
	struct token *token = token_new();

	if (!token)
		return NULL;
	strcpy(token->text, text);
	strcpy(token->project, TOKEN_ADMIN);
	strcpy(token->task, "admin");
	token->force = token->remove = token->workflows = true;
	return token;
}

int tokens_open(const char *path, const char *admin, struct tokens **ret, struct problem *why)
{
	size_t n = admin ? strlen(admin) : 0;
	struct tokens *tokens;

	if (n && (n < ADMIN_LEAST || n >= TOKEN_SIZE || strchr(admin, ':')))
		return problem(
		    why, -EINVAL,
		    "the admin token is of %zu bytes: %d to %d are allowed, without a colon", n,
		    ADMIN_LEAST, TOKEN_SIZE - 1);
	tokens = calloc(1, sizeof(*tokens));
	if (tokens)
		tokens->path = strdup(path);
	if (tokens && n)
		tokens->admin = admin_new(admin);
	if (!tokens || !tokens->path || (n && !tokens->admin)) {
		tokens_free(tokens);
		return problem(why, -ENOMEM, "no memory for tokens");
	}
	*ret = tokens;
	return 0;
}

static void forget(struct tokens *tokens)
{
	if (tokens->row)
		explicit_bzero(tokens->row, (tokens->list.n + 1) * sizeof(*tokens->row));
	free(tokens->row);
	tokens->row = NULL;
	token_list_done(&tokens->list);
}

void tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return;
	forget(tokens);
	token_put(tokens->admin);
	free(tokens->path);
	free(tokens);
}

static int fill_rows(struct tokens *tokens)
{
	tokens->row = calloc(tokens->list.n + 1, sizeof(*tokens->row));
	if (!tokens->row)
		return -ENOMEM;
	for (unsigned i = 0; i < tokens->list.n; i++)
		memcpy(&tokens->row[i], tokens->list.token[i]->text, TOKEN_SIZE);
	if (tokens->admin)
		memcpy(&tokens->row[tokens->list.n], tokens->admin->text, TOKEN_SIZE);
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_nlink == b->st_nlink;
}

/* Two writes within one tick of the clock leave the same time: a young file is read again. */
static bool is_settled(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - st->st_mtim.tv_sec) * 1000000000LL + now.tv_nsec -
		   st->st_mtim.tv_nsec >
	       SETTLED_NS;
}

static void complain(struct tokens *tokens, const char *what)
{
	struct problem complaint;

	problem(&complaint, 0, "%.200s", what);
	if (strcmp(complaint.text, tokens->complaint.text))
		tokens->told = false; /* the same of a file that is read twice is said once */
	tokens->complaint = complaint;
}

static void read_again(struct tokens *tokens)
{
	_cleanup_free_ char *text = NULL;
	struct problem why = {}, line;
	struct stat st = {};
	size_t size = 0;
	int r = own_file_read(tokens->path, TOKEN_FILE_MAX, &text, &size, &st, &why);

	forget(tokens);
	if (!r && text) {
		r = token_parse(text, size, &tokens->list, &why);
		if (r)
			problem(&line, 0, "%.100s: %s", tokens->path, why.text);
		explicit_bzero(text, size);
	} else if (r) {
		line = why;
	}
	complain(tokens, r ? line.text : "");
	tokens->st = st;
	tokens->read = r != -ENOMEM && !fill_rows(tokens);
	tokens->settled = is_settled(&st);
}

static void refresh(struct tokens *tokens)
{
	struct stat st;

	if (stat(tokens->path, &st))
		st = (struct stat){};
	if (!tokens->read || !tokens->settled || !is_same(&st, &tokens->st))
		read_again(tokens);
}

bool tokens_complaint(struct tokens *tokens, struct problem *ret)
{
	if (tokens->told || !*tokens->complaint.text)
		return false;
	*ret = tokens->complaint;
	tokens->told = true;
	return true;
}

/*
 * Every row is compared, whole, and the number of the one that is the same is kept without a
 * branch: what time this takes says nothing of where a guess was wrong.
 */
static size_t find_row(const struct row *row, size_t n, const struct row *text)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t differs = 0;
		size_t mask;

		for (size_t w = 0; w < WORDS; w++)
			differs |= row[i].word[w] ^ text->word[w];
		mask = (size_t)((differs | -differs) >> 63) - 1; /* all ones if nothing differs */
		found |= mask & (i + 1);
	}
	return found;
}

int tokens_find(struct tokens *tokens, const char *text, size_t n, struct token **ret)
{
	struct token *token;
	struct row wanted = {};
	size_t found;

	refresh(tokens);
	if (n && n < TOKEN_SIZE && !memchr(text, '\0', n))
		memcpy(&wanted, text, n);
	else
		wanted.word[WORDS - 1] = UINT64_MAX; /* no text ends so */
	if (!tokens->row)
		return -ENOENT;
	found = find_row(tokens->row, tokens->list.n + !!tokens->admin, &wanted);
	explicit_bzero(&wanted, sizeof(wanted));
	if (!found)
		return -ENOENT;
	token = found > tokens->list.n ? tokens->admin : tokens->list.token[found - 1];
	if (token->expires && token->expires <= (uint64_t)time(NULL))
		return -EKEYEXPIRED;
	*ret = token_get(token);
	return 0;
}

int tokens_each(struct tokens *tokens, int (*fn)(const struct token *token, void *user), void *user)
{
	int r = 0;

	read_again(tokens);
	for (unsigned i = 0; i < tokens->list.n && !r; i++)
		r = fn(tokens->list.token[i], user);
	return r;
}
