// SPDX-License-Identifier: Apache-2.0
/*
 * tunnel.c - gets data out of a guard by asking for names, in one way of many
 *
 *   tunnel KIND SECONDS PROFILE		from inside; prints "asked N answered N"
 *
 * KIND is one of the table at the end: what carries the data. PROFILE is a file of domains,
 * which is all that the guard may ask for. Questions go to 8.8.8.8, which nobody can reach, so
 * that only who answers in its place can pass them on; as many as PACE lets through, whatever is
 * said to them. What came out is for tapper.c to say.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PACE_NS 4000000 /* between two questions: 250 a second */
#define DOMAINS 64
#define TYPES   13

static char wild[DOMAINS][128], exact[DOMAINS][128]; /* exact: the wildcards' own as well */
static unsigned n_wild, n_exact, asked, answered;
static const uint16_t types[TYPES] = { 1, 28, 5, 15, 16, 33, 64, 65, 12, 10, 255, 6, 2 };

struct packet {
	size_t size;
	uint8_t bytes[1500];
};

static unsigned any(unsigned n)
{
	unsigned value;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		err(1, "getrandom");
	return value % n;
}

static void add(struct packet *packet, const void *bytes, size_t size)
{
	memcpy(packet->bytes + packet->size, bytes, size);
	packet->size += size;
}

static void add16(struct packet *packet, unsigned value)
{
	add(packet, (const uint8_t[]){ value >> 8, value }, 2);
}

static void add_random(struct packet *packet, size_t size)
{
	while (size--)
		packet->bytes[packet->size++] = any(256);
}

static void add_name(struct packet *packet, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		packet->bytes[packet->size++] = n;
		add(packet, name, n);
		name += n + (name[n] == '.');
	}
	packet->bytes[packet->size++] = 0;
}

static void begin(struct packet *packet, unsigned id, unsigned flags, const char *name,
		  unsigned type, unsigned class)
{
	packet->size = 0;
	add16(packet, id);
	add16(packet, flags);
	add(packet, (const uint8_t[8]){ 0, 1 }, 8);
	add_name(packet, name);
	add16(packet, type);
	add16(packet, class);
}

static void ask(struct packet *packet, const char *name, unsigned type)
{
	begin(packet, any(65536), 0x100, name, type, 1);
}

/* @n random letters of @alphabet */
static char *spell(char *to, unsigned n, const char *alphabet)
{
	for (unsigned i = 0; i < n; i++)
		*to++ = alphabet[any(strlen(alphabet))];
	*to = 0;
	return to;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static void below_wildcard(char *to)
{
	sprintf(to, ".%s", wild[any(n_wild)]);
}

static void make_base32(struct packet *packet)
{
	char name[300];

	below_wildcard(spell(name, 24, "abcdefghijklmnopqrstuvwxyz234567"));
	ask(packet, name, 1);
}

static void make_short(struct packet *packet)
{
	char name[300];

	below_wildcard(spell(name, 1, letters));
	ask(packet, name, any(2) ? 1 : 28);
}

static void make_words(struct packet *packet)
{
	static const char *const words[] = { "able", "bird",  "cloud", "door", "east", "fig",
					     "gold", "house", "iron",  "jam",  "king", "lamp",
					     "moon", "north", "oak",   "pen" };
	char name[300];

	below_wildcard(name + sprintf(name, "%s-%s", words[any(16)], words[any(16)]));
	ask(packet, name, 1);
}

static void make_levels(struct packet *packet)
{
	char name[300], *at = name;

	for (unsigned i = 0; i < 12; i++) {
		at = spell(at, 1, letters);
		*at++ = '.';
	}
	below_wildcard(at - 1);
	ask(packet, name, 1);
}

static void make_types(struct packet *packet)
{
	ask(packet, exact[any(n_exact)], types[any(TYPES)]);
}

static void make_exact(struct packet *packet)
{
	ask(packet, exact[any(n_exact)], any(2) ? 1 : 28);
}

/* Few names, so that they are known soon; then which of them. */
static void make_seen(struct packet *packet)
{
	char name[300];

	below_wildcard(spell(name, 1, "abc"));
	ask(packet, name, 1);
}

static void make_case(struct packet *packet)
{
	char name[128];

	strcpy(name, exact[any(n_exact)]);
	for (char *c = name; *c; c++)
		if (*c >= 'a' && *c <= 'z' && any(2))
			*c -= 32;
	ask(packet, name, 1);
}

/* Options of EDNS: client subnet, cookie, padding, and one of nobody's. */
static void make_edns(struct packet *packet)
{
	static const uint16_t options[] = { 8, 10, 12, 65001 };
	unsigned size = 8 + any(32);

	ask(packet, exact[any(n_exact)], 1);
	packet->bytes[11] = 1;
	add(packet, (const uint8_t[]){ 0, 0, 41, 4, 208, 0, 0, any(256), any(256) }, 9);
	add16(packet, size + 4);
	add16(packet, options[any(4)]);
	add16(packet, size);
	add_random(packet, size);
}

static void make_sections(struct packet *packet)
{
	unsigned which = any(4);

	ask(packet, exact[any(n_exact)], 1);
	if (which < 3) {
		packet->bytes[7 + 2 * which] = 1;
		add_name(packet, exact[0]);
		add(packet, (const uint8_t[]){ 0, 16, 0, 1, 0, 0, 0, 0, 0, 33, 32 }, 11);
	}
	add_random(packet, 32); /* of no section: trailing */
}

/* Ids, the bits of the header, EDNS's DO and Z, classes. */
static void make_bits(struct packet *packet)
{
	static const uint16_t classes[] = { 1, 1, 1, 3, 4, 254, 255 };
	unsigned flags = 0x100 | (any(256) & 0xf0) | (any(8) << 8);

	begin(packet, 0xbeef, flags & 0x7ff, exact[any(n_exact)], 1, classes[any(7)]);
	packet->bytes[11] = 1;
	add(packet, (const uint8_t[]){ 0, 0, 41, any(256), any(256), 0, 0, any(256), any(256) }, 9);
	add16(packet, 0);
}

/* Zone transfers, IQUERY, STATUS, NOTIFY, UPDATE, stateful operations. */
static void make_opcodes(struct packet *packet)
{
	char name[300];

	below_wildcard(spell(name, 8, letters));
	begin(packet, any(65536), any(2) ? 0x100 : any(16) << 11, any(2) ? exact[0] : name,
	      any(2) ? 251 + any(2) : 6, 1);
}

/* Nothing that policy knows: other domains, data around exact names, addresses' names. */
static void make_outside(struct packet *packet)
{
	char name[300], *at = spell(name, 12, letters);
	unsigned type = 1;

	switch (any(6)) {
	case 0: strcpy(at, ".example.com"); break;
	case 1: sprintf(at, ".%s", exact[0]); break;
	case 2: sprintf(name, "%s.lan", exact[0]); break;
	case 3: sprintf(name, "x%s", wild[0]); break;
	case 4:
		sprintf(name, "%u.%u.%u.%u.in-addr.arpa", any(256), any(256), any(256), any(256));
		type = 12;
		break;
	default:
		at = name;
		for (unsigned i = 0; i < 32; i++)
			at = strcpy(spell(at, 1, "0123456789abcdef"), ".") + 1;
		strcpy(at, "ip6.arpa");
		type = 12;
	}
	ask(packet, name, type);
}

/* All that is worth a try, together. */
static void make_mixed(struct packet *packet)
{
	static void (*const makes[])(struct packet *) = {
		make_short, make_words, make_types, make_exact, make_seen, make_case, make_edns,
	};

	makes[any(7)](packet);
}

static const struct kind {
	const char *name;
	void (*make)(struct packet *packet);
	bool tcp;
} kinds[] = {
	{ "base32", make_base32, false },      { "short", make_short, false },
	{ "words", make_words, false },        { "levels", make_levels, false },
	{ "types", make_types, false },        { "exact", make_exact, false },
	{ "seen", make_seen, false },          { "case", make_case, false },
	{ "edns", make_edns, false },          { "sections", make_sections, false },
	{ "bits", make_bits, false },          { "tcp", make_short, true },
	{ "opcodes", make_opcodes, false },    { "opcodes-tcp", make_opcodes, true },
	{ "outside", make_outside, false },    { "broken", make_exact, false },
	{ "broken-below", make_short, false }, { "mixed", make_mixed, false },
};

static void read_profile(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, " \n#")] = 0;
		if (!*line || n_exact == DOMAINS)
			continue;
		if (!strncmp(line, "*.", 2))
			snprintf(wild[n_wild++], sizeof(wild[0]), "%.127s", line + 2);
		snprintf(exact[n_exact++], sizeof(exact[0]), "%.127s",
			 line + (line[0] == '*' ? 2 : 0));
	}
	fclose(file);
	if (!n_wild)
		errx(1, "%s: no wildcard", path);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int open_socket(bool tcp)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	inet_pton(AF_INET, "8.8.8.8", &to.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	return fd;
}

/* A stream that was ended, for what it said, is begun again. */
static int send_one(int fd, bool tcp, const struct packet *packet)
{
	uint8_t bytes[2 + sizeof(packet->bytes)] = { packet->size >> 8, packet->size };

	memcpy(bytes + 2, packet->bytes, packet->size);
	if (!tcp) {
		(void)!send(fd, packet->bytes, packet->size, MSG_DONTWAIT);
		return fd;
	}
	if (send(fd, bytes, packet->size + 2, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		return fd;
	close(fd);
	return open_socket(tcp);
}

int main(int argc, char **argv)
{
	const struct kind *kind = kinds;
	uint8_t reply[65536];
	struct packet packet;
	int64_t end, next;
	int fd;

	if (argc != 4)
		errx(2, "usage: tunnel KIND SECONDS PROFILE");
	while (strcmp(kind->name, argv[1]))
		if (++kind == kinds + sizeof(kinds) / sizeof(*kinds))
			errx(2, "%s: no such tunnel", argv[1]);
	read_profile(argv[3]);
	fd = open_socket(kind->tcp);
	next = now_ns();
	end = next + strtoul(argv[2], NULL, 10) * INT64_C(1000000000);
	for (; next < end; next += PACE_NS) {
		kind->make(&packet);
		fd = send_one(fd, kind->tcp, &packet);
		asked++;
		do {
			struct pollfd wait = { .fd = fd, .events = POLLIN };
			int64_t left = next + PACE_NS - now_ns();

			if (left <= 0 || poll(&wait, 1, left / 1000000 + 1) <= 0)
				break;
			answered += recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0;
		} while (!kind->tcp || now_ns() < next + PACE_NS);
	}
	printf("asked %u answered %u\n", asked, answered);
	return 0;
}
