// SPDX-License-Identifier: Apache-2.0
#include "advert.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"

#define FRESH_NS   (2 * SECOND_NS) /* times of files are not finer than that on any of theirs */
#define CONFIG_MAX (64 << 10)

/* --- keys ----------------------------------------------------------------------------- */

static uint64_t ns_of(struct timespec time)
{
	return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

struct advert_stamp advert_stamp_of(const struct stat *st, bool *fresh)
{
	const struct advert_stamp stamp = {
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mode = st->st_mode | (uint64_t)st->st_uid << 32,
		.mtime_ns = ns_of(st->st_mtim),
		.ctime_ns = ns_of(st->st_ctim),
	};

	*fresh |= stamp.ctime_ns + FRESH_NS > now_wall_ns();
	return stamp;
}

/* Of a folder only what it is: what is in it comes and goes. */
static bool stamp(const char *path, struct advert_stamp *ret, bool *fresh)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	if (S_ISDIR(st.st_mode)) {
		st.st_size = 0;
		st.st_mtim = st.st_ctim = (struct timespec){};
	}
	*ret = advert_stamp_of(&st, fresh);
	return true;
}

/* Other files that it may lead to are none that we look at. */
static bool config_is_alone(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = malloc(CONFIG_MAX);
	ssize_t n = fd < 0 || !text ? -1 : read(fd, text, CONFIG_MAX);

	if (n < 0 || n == CONFIG_MAX || memchr(text, '\0', (size_t)n))
		return false;
	text[n] = '\0';
	return !strcasestr(text, "include") && !strcasestr(text, "worktreeconfig") &&
	       !strcasestr(text, "advertisesid");
}

bool advert_stamps(const char *repository, const char *backend, const char *git,
		   struct advert_key *ret)
{
	static const char *const names[] = { "config", "HEAD", "objects", "refs" };
	char path[4096];

	for (int i = 0; i < 4; i++)
		if (snprintf(path, sizeof(path), "%s/%s", repository, names[i]) >=
			(int)sizeof(path) ||
		    !stamp(path, &ret->file[i], &ret->fresh) ||
		    (i == ADVERT_CONFIG && !config_is_alone(path)))
			return false;
	return stamp(backend, &ret->file[ADVERT_BACKEND], &ret->fresh) &&
	       (!git || stamp(git, &ret->file[ADVERT_GIT], &ret->fresh));
}

bool advert_key(const char *const *env, const char *repository, const char *backend,
		const char *git, struct advert_key *ret)
{
	FILE *text;

	*ret = (struct advert_key){};
	if (!advert_stamps(repository, backend, git, ret))
		return false;
	text = open_memstream(&ret->env, &ret->env_size);
	if (!text)
		return false;
	for (; *env; env++)
		fwrite(*env, 1, strlen(*env) + 1, text);
	return !fclose(text);
}

void advert_key_done(struct advert_key *key)
{
	free(key->env);
	*key = (struct advert_key){};
}

static bool same(const struct advert_key *a, const struct advert_key *b)
{
	return a->env && b->env && a->env_size == b->env_size && a->said == b->said &&
	       !memcmp(a->env, b->env, a->env_size) && !memcmp(a->file, b->file, sizeof(a->file));
}

/* --- replies -------------------------------------------------------------------------- */

static void put(struct advert_reply *reply, const char *bytes, size_t n)
{
	if (reply->bad || n > sizeof(reply->bytes) - reply->n) {
		reply->bad = true;
		return;
	}
	memcpy(reply->bytes + reply->n, bytes, n);
	reply->n += n;
}

void advert_head(struct advert_reply *reply, const struct cgi_head *head)
{
	reply->bad |= head->status != 200 || head->n > ADVERT_HEADER;
	for (unsigned i = 0; i < head->n && !reply->bad; i++) {
		put(reply, head->header[i].name, strlen(head->header[i].name) + 1);
		put(reply, head->header[i].value, strlen(head->header[i].value) + 1);
	}
	reply->n_headers = head->n;
	reply->head = reply->n;
}

void advert_body(struct advert_reply *reply, const char *bytes, size_t n)
{
	put(reply, bytes, n);
}

unsigned advert_headers(const struct advert_reply *reply, struct http_header *ret)
{
	const char *at = reply->bytes;

	for (unsigned i = 0; i < reply->n_headers; i++) {
		ret[i].name = at;
		at += strlen(at) + 1;
		ret[i].value = at;
		at += strlen(at) + 1;
	}
	return reply->n_headers;
}

/* Lines of git's (four digits say how long each is, they included), none an error, to their end. */
static bool is_whole(const char *at, size_t n)
{
	while (n >= 4) {
		char digits[5] = { at[0], at[1], at[2], at[3] }, *end;
		unsigned long size = strtoul(digits, &end, 16);

		if (!size && !*end)
			return n == 4;
		if (*end || size < 5 || size > n || !strncmp(at + 4, "ERR ", 4))
			return false;
		at += size;
		n -= size;
	}
	return false;
}

static bool is_kept(enum advert_kind kind, const struct advert_reply *reply)
{
	static const char begins[] = "000eversion 2\n";
	const char *body = reply->bytes + reply->head;
	size_t n = reply->n - reply->head;

	if (reply->bad || !is_whole(body, n))
		return false;
	return kind == ADVERT_REFS_LIST ||
	       (n > sizeof(begins) && !memcmp(body, begins, sizeof(begins) - 1) &&
		!memmem(body, n, "session-id", 10));
}

const struct advert_reply *advert_find(const struct adverts *adverts, const struct advert_key *key)
{
	for (unsigned i = 0; i < ADVERT_MAX; i++)
		if (adverts->kept[i].reply && same(&adverts->kept[i].key, key))
			return adverts->kept[i].reply;
	return NULL;
}

static void forget(struct advert *advert)
{
	advert_key_done(&advert->key);
	free(advert->reply);
	advert->reply = NULL;
}

void advert_keep(struct adverts *adverts, struct advert_key *key, const struct advert_key *now,
		 struct advert_reply *reply)
{
	struct advert *to = &adverts->kept[adverts->next];

	if (!is_kept(adverts->kind, reply) || key->fresh || !same(key, now) ||
	    advert_find(adverts, key)) {
		free(reply);
		advert_key_done(key);
		return;
	}
	forget(to);
	to->key = *key;
	to->reply = reply;
	*key = (struct advert_key){};
	adverts->next = (adverts->next + 1) % ADVERT_MAX;
}

void adverts_done(struct adverts *adverts)
{
	for (unsigned i = 0; i < ADVERT_MAX; i++)
		forget(&adverts->kept[i]);
}
