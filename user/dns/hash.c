// SPDX-License-Identifier: Apache-2.0
#include "dns/hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* The four words that SipHash keeps; what they start from is the paper's. */
struct sip {
	uint64_t a, b, c, d;
};

int hash_key_fill(struct hash_key *key)
{
	ssize_t n = getrandom(key->word, sizeof(key->word), 0);

	if (n < 0)
		return -errno;
	return n == sizeof(key->word) ? 0 : -EIO;
}

static inline uint64_t turned(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = turned(s->b, 13) ^ s->a;
	s->d = turned(s->d, 16) ^ s->c;
	s->a = turned(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = turned(s->b, 17) ^ s->c;
	s->d = turned(s->d, 21) ^ s->a;
	s->c = turned(s->c, 32);
}

static inline void sip_add(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
}

uint64_t hash_name(const struct hash_key *key, uint64_t number, const char *name)
{
	struct sip s = {
		.a = key->word[0] ^ UINT64_C(0x736f6d6570736575),
		.b = key->word[1] ^ UINT64_C(0x646f72616e646f6d),
		.c = key->word[0] ^ UINT64_C(0x6c7967656e657261),
		.d = key->word[1] ^ UINT64_C(0x7465646279746573),
	};
	size_t size = strlen(name);
	uint64_t last = (uint64_t)size << 56, word;

	sip_add(&s, number);
	for (; size >= 8; size -= 8, name += 8) {
		memcpy(&word, name, 8);
		sip_add(&s, word);
	}
	word = 0;
	memcpy(&word, name, size);
	sip_add(&s, last ^ word);
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
