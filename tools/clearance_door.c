// SPDX-License-Identifier: Apache-2.0
#include "clearance_door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define SECRET_BYTES (DOOR_SECRET_LEN / 4 * 3)

static int random_text(char ret[static DOOR_SECRET_LEN + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_";
	uint8_t bytes[SECRET_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (int i = 0; i < SECRET_BYTES; i += 3) {
		uint32_t three = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];

		for (int j = 0; j < 4; j++)
			*ret++ = digits[three >> (18 - 6 * j) & 63];
	}
	*ret = '\0';
	return 0;
}

/* How long it takes says nothing of where they differ; @secret is of full length. */
static bool secret_equal(const char *secret, const char *text, size_t n)
{
	volatile uint8_t different = 0;

	if (n != DOOR_SECRET_LEN) /* how long ours is, is no secret */
		return false;
	for (size_t i = 0; i < DOOR_SECRET_LEN; i++)
		different |= (uint8_t)secret[i] ^ (uint8_t)text[i];
	return !different;
}

int door_open(struct door *door)
{
	char text[DOOR_SECRET_LEN + 1];
	int r = random_text(text);

	if (r)
		return r;
	*door = (struct door){};
	snprintf(door->cookie_name, sizeof(door->cookie_name), "terok-%.12s", text);
	return 0;
}

const char *door_token_new(struct door *door, uint64_t now_ns)
{
	if (random_text(door->token)) {
		door->token[0] = '\0';
		return NULL;
	}
	door->token_until_ns = now_ns + DOOR_TOKEN_NS;
	return door->token;
}

/* A place for one more: free, ended, or the oldest. */
static struct door_session *session_place(struct door *door, uint64_t now_ns)
{
	struct door_session *place = &door->sessions[0];

	for (int i = 0; i < DOOR_SESSIONS; i++) {
		struct door_session *session = &door->sessions[i];

		if (!session->number || session->until_ns <= now_ns)
			return session;
		if (session->number < place->number)
			place = session;
	}
	return place;
}

const struct door_session *door_login(struct door *door, const char *token, uint64_t now_ns)
{
	struct door_session fresh = { .until_ns = now_ns + DOOR_SESSION_NS }, *place;

	if (!*door->token || now_ns >= door->token_until_ns ||
	    !secret_equal(door->token, token, strlen(token)))
		return NULL;
	if (random_text(fresh.cookie) || random_text(fresh.page))
		return NULL;
	memset(door->token, 0, sizeof(door->token));
	fresh.number = ++door->numbers;
	place = session_place(door, now_ns);
	*place = fresh;
	return place;
}

/* The value of our cookie in "a=b; c=d", or NULL. */
static const char *cookie_find(const struct door *door, const char *cookies, size_t *size)
{
	size_t n = strlen(door->cookie_name);

	for (const char *p = cookies; p; p = strchr(p, ';')) {
		p += strspn(p, "; \t");
		if (strncmp(p, door->cookie_name, n) || p[n] != '=')
			continue;
		p += n + 1;
		*size = strcspn(p, "; \t");
		return p;
	}
	return NULL;
}

const struct door_session *door_session(const struct door *door, const char *cookies,
					uint64_t now_ns)
{
	const struct door_session *found = NULL;
	size_t n = 0;
	const char *value = cookies ? cookie_find(door, cookies, &n) : NULL;

	if (!value)
		return NULL;
	/* all of them, whichever it is */
	for (int i = 0; i < DOOR_SESSIONS; i++) {
		const struct door_session *session = &door->sessions[i];

		if (session->number && session->until_ns > now_ns &&
		    secret_equal(session->cookie, value, n))
			found = session;
	}
	return found;
}

bool door_alive(const struct door *door, uint64_t number, uint64_t now_ns)
{
	for (int i = 0; number && i < DOOR_SESSIONS; i++)
		if (door->sessions[i].number == number)
			return door->sessions[i].until_ns > now_ns;
	return false;
}

bool door_page(const struct door_session *session, const char *secret)
{
	return secret && secret_equal(session->page, secret, strlen(secret));
}

void door_logout(struct door *door, uint64_t number)
{
	for (int i = 0; number && i < DOOR_SESSIONS; i++)
		if (door->sessions[i].number == number)
			memset(&door->sessions[i], 0, sizeof(door->sessions[i]));
}

bool door_host(const char *host)
{
	char name[INET6_ADDRSTRLEN + 1];
	size_t skip = host && *host == '[', n, digits;

	if (!host)
		return false;
	n = strcspn(host + skip, skip ? "]" : ":");
	if (n >= sizeof(name))
		return false;
	memcpy(name, host + skip, n);
	name[n] = '\0';
	if (skip && host[skip + n] != ']')
		return false;
	host += n + 2 * skip;
	digits = *host == ':' ? strspn(host + 1, "0123456789") : 0;
	if (*host && (!digits || digits > 5 || host[1 + digits]))
		return false;
	if (skip)
		return strchr(name, ':') && door_loopback(name);
	return !strcasecmp(name, "localhost") || door_loopback(name);
}

bool door_origin(const char *origin, const char *host)
{
	static const char scheme[] = "http://";

	return origin && host && !strncasecmp(origin, scheme, strlen(scheme)) &&
	       !strcasecmp(origin + strlen(scheme), host);
}

bool door_site(const char *site)
{
	return !site || !strcmp(site, "same-origin");
}

bool door_loopback(const char *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
