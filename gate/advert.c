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

/* Of a folder only what it is: what is in it comes and goes. */
static bool stamp(const char *path, struct advert_stamp *ret, bool *fresh)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	*ret = (struct advert_stamp){ .dev = st.st_dev,
				      .ino = st.st_ino,
				      .mode = st.st_mode | (uint64_t)st.st_uid << 32 };
	if (S_ISDIR(st.st_mode))
		return true;
	ret->size = (uint64_t)st.st_size;
	ret->mtime_ns = ns_of(st.st_mtim);
	ret->ctime_ns = ns_of(st.st_ctim);
	*fresh |= ret->ctime_ns + FRESH_NS > now_wall_ns();
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
	return a->env && b->env && a->env_size == b->env_size &&
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

/* A list of protocol 2, to its end. */
static bool is_list(const struct advert_reply *reply)
{
	static const char begins[] = "000eversion 2\n", ends[] = "0000";
	const char *body = reply->bytes + reply->head;
	size_t n = reply->n - reply->head;

	return !reply->bad && n > sizeof(begins) + sizeof(ends) &&
	       !memcmp(body, begins, sizeof(begins) - 1) &&
	       !memcmp(body + n - (sizeof(ends) - 1), ends, sizeof(ends) - 1) &&
	       !memmem(body, n, "session-id", 10);
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

	if (!is_list(reply) || key->fresh || !same(key, now) || advert_find(adverts, key)) {
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
