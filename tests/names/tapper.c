// SPDX-License-Identifier: Apache-2.0
/*
 * tapper.c - who sees every question that leaves the host, and reckons what it learns
 *
 *   tapper tap				on lo, as root: a line each of what goes to port 53
 *   tapper count PROFILE <LINES	what those below the profile's domains say
 *
 * A line is "MS NAME TYPE", or "MS odd HEX" where anything is in the message but one question
 * of class IN, RD, and an empty OPT: what a guard could have put there. MS is since the boot.
 * "id" follows where the number of the message is the tunnels' own.
 *
 * What is learnt from a question, in bits. Of a name below a wildcard that was not asked for
 * before: 8 for each byte there, and which wildcard it is. Of any other name: which one of those
 * that were asked for before, and of the exact ones. Types: A and then AAAA of one name, which
 * always come together, are one question; another one is one of 7. Whether it is such a one: 1,
 * where there is any. count prints the most that any minute had, as
 * "bytes B labels L questions Q odd O id I all B", with all bytes of all minutes last.
 */
#include <arpa/inet.h>
#include <err.h>
#include <math.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define DOMAINS 64
#define MOST    200000
#define MINUTE  60000
#define TYPES   7 /* the pair, CNAME, MX, TXT, SRV, SVCB, HTTPS */

/* --- tap */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The name at byte 12, and what follows it; 0: it is none. */
static size_t read_name(const uint8_t *msg, size_t size, char *text)
{
	size_t at = 12;

	while (at < size && msg[at]) {
		size_t n = msg[at++];

		if (n > 63 || at + n > size)
			return 0;
		for (size_t i = 0; i < n; i++) {
			char c = msg[at + i];

			*text++ = c >= 'A' && c <= 'Z' ? c + 32 : c > ' ' && c < 127 ? c : '?';
		}
		*text++ = '.';
		at += n;
	}
	text[at > 12 ? -1 : 0] = 0;
	return at < size ? at + 1 : 0;
}

static void tell(const uint8_t *msg, size_t size)
{
	static const uint8_t header[] = { 1, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
	static const uint8_t rest[] = { 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0 };
	char name[300];
	size_t at = size > 12 ? read_name(msg, size, name) : 0;

	printf("%lld ", (long long)now_ms());
	if (at && size == at + 2 + sizeof(rest) && !memcmp(msg + 2, header, sizeof(header)) &&
	    !memcmp(msg + at + 2, rest, sizeof(rest))) {
		printf("%s %u%s\n", name, msg[at] << 8 | msg[at + 1],
		       msg[0] == 0xbe && msg[1] == 0xef ? " id" : "");
		return;
	}
	printf("odd ");
	for (size_t i = 0; i < size; i++)
		printf("%02x", msg[i]);
	printf("\n");
}

/* A packet of the loopback device; what is no question is passed over. */
static void take(const uint8_t *packet, size_t size)
{
	size_t ip = packet[0] >> 4 == 6 ? 40 : (packet[0] & 15) * 4, head;
	uint8_t proto = packet[0] >> 4 == 6 ? packet[6] : packet[9];

	if (size < ip + 20 || (packet[ip + 2] << 8 | packet[ip + 3]) != 53)
		return;
	if (proto == IPPROTO_UDP)
		tell(packet + ip + 8, size - ip - 8);
	head = ip + (packet[ip + 12] >> 4) * 4;
	if (proto == IPPROTO_TCP && size > head + 2)
		tell(packet + head + 2, size - head - 2);
}

static int tap(void)
{
	struct sockaddr_ll on = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("lo") };
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	static uint8_t packet[65536];

	/* bound before it has a protocol: nothing of another device gets in between */
	on.sll_protocol = htons(3); /* ETH_P_ALL */
	if (fd < 0 || bind(fd, (struct sockaddr *)&on, sizeof(on)))
		err(1, "tap");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 1 << 26 }, sizeof(int));
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	for (;;) {
		struct sockaddr_ll from;
		socklen_t n = sizeof(from);
		ssize_t size =
		    recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &n);

		if (size > 40 && from.sll_pkttype != PACKET_OUTGOING)
			take(packet, size);
	}
}

/* --- count */

struct question {
	int64_t ms;
	double bits;
	unsigned labels;
};

static char domain[DOMAINS][128];
static bool wildcard[DOMAINS];
static unsigned n_domains, n_wild, n_seen, odd, own_id, n_questions;
static char *seen[MOST];
static struct question questions[MOST];

/* Bytes of @name below a domain of the profile; -1: below none. 0: it is the domain. */
static int below(const char *name)
{
	int best = -1;

	for (unsigned i = 0; i < n_domains; i++) {
		size_t n = strlen(name), size = strlen(domain[i]);

		if (!strcmp(name, domain[i]))
			return 0;
		if (wildcard[i] && n > size + 1 && name[n - size - 1] == '.' &&
		    !strcmp(name + n - size, domain[i]))
			best = n - size - 1;
	}
	return best;
}

static bool is_seen(const char *name)
{
	for (unsigned i = 0; i < n_seen; i++)
		if (!strcmp(seen[i], name))
			return true;
	return false;
}

static void take_question(int64_t ms, const char *name, unsigned type)
{
	static char before[300];
	int labels = below(name);
	struct question *question = &questions[n_questions];
	bool pair = type == 28 && !strcmp(before, name);

	snprintf(before, sizeof(before), "%.299s", type == 1 ? name : "");
	if (labels < 0 || pair || n_questions == MOST)
		return;
	question->ms = ms;
	if (labels && !is_seen(name)) {
		question->bits = 8 * labels + log2(n_wild);
		question->labels = labels;
		seen[n_seen++] = strdup(name);
	} else {
		question->bits = log2(n_domains + n_seen);
	}
	if (type != 1 && type != 28)
		question->bits += log2(TYPES);
	n_questions++;
}

static void read_profile(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file) && n_domains < DOMAINS) {
		line[strcspn(line, " \n#")] = 0;
		if (!*line)
			continue;
		wildcard[n_domains] = !strncmp(line, "*.", 2);
		n_wild += wildcard[n_domains];
		snprintf(domain[n_domains], sizeof(domain[0]), "%.127s",
			 line + (wildcard[n_domains] ? 2 : 0));
		n_domains++;
	}
	fclose(file);
}

static int count(const char *path)
{
	double most = 0, all = 0, sum = 0, other = 0;
	unsigned labels = 0, n = 0, first = 0, all_labels = 0;
	char line[4096], name[300], id[8];
	long long ms;
	unsigned type;

	read_profile(path);
	while (fgets(line, sizeof(line), stdin)) {
		int got = sscanf(line, "%lld %299s %u %7s", &ms, name, &type, id);

		odd += got == 2 && !strcmp(name, "odd");
		if (got < 3)
			continue;
		own_id += got == 4 && below(name) >= 0;
		if (type != 1 && type != 28 && below(name) >= 0)
			other = 1;
		take_question(ms, name, type);
	}
	for (unsigned i = 0; i < n_questions; i++) {
		sum += questions[i].bits + other;
		all += questions[i].bits + other;
		all_labels += questions[i].labels;
		while (questions[i].ms - questions[first].ms > MINUTE) {
			all_labels -= questions[first].labels;
			sum -= questions[first++].bits + other;
		}
		if (sum > most) {
			most = sum;
			labels = all_labels;
			n = i + 1 - first;
		}
	}
	printf("bytes %.1f labels %u questions %u odd %u id %u all %.1f\n", most / 8, labels, n,
	       odd, own_id, all / 8);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "tap"))
		return tap();
	if (argc == 3 && !strcmp(argv[1], "count"))
		return count(argv[2]);
	errx(2, "usage: tapper tap | tapper count PROFILE");
}
