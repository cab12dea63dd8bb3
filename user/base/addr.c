// SPDX-License-Identifier: Apache-2.0
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint8_t proto;
} protos[] = {
	{ "any", 0 },
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "icmp", IPPROTO_ICMP },
	{ "icmpv6", IPPROTO_ICMPV6 },
};

/* Decimal digits only, no sign, no space, no leading zero but "0" itself. */
static int number_parse(const char *text, unsigned long max, unsigned long *ret)
{
	unsigned long value = 0;

	if (!*text || strlen(text) > 10 || (*text == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (*text - '0');
	}
	if (value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

int port_parse(const char *text, uint16_t *ret, struct problem *why)
{
	unsigned long port;

	if (number_parse(text, 65535, &port) || !port)
		return problem(why, -EINVAL, "port '%s' is not a number from 1 to 65535", text);
	*ret = port;
	return 0;
}

int proto_parse(const char *text, uint8_t *ret, struct problem *why)
{
	unsigned long number;

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		if (!strcmp(text, protos[i].name)) {
			*ret = protos[i].proto;
			return 0;
		}
	}
	if (number_parse(text, 255, &number) || !number)
		return problem(why, -EINVAL,
			       "protocol '%s' is none of tcp, udp, icmp, icmpv6, any, 1 to 255",
			       text);
	*ret = number;
	return 0;
}

const char *proto_name(uint8_t proto, char buf[static 8])
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (protos[i].proto == proto)
			return protos[i].name;
	snprintf(buf, 8, "%u", proto);
	return buf;
}

int port_proto_parse(const char *text, uint16_t *port, uint8_t *proto, struct problem *why)
{
	size_t n = strcspn(text, "/");
	uint8_t of = IPPROTO_TCP;
	char number[8];
	int r = 0;

	if (n >= sizeof(number))
		return problem(why, -EINVAL, "'%.80s' is no port; 1 to 65535, as in 8080", text);
	memcpy(number, text, n);
	number[n] = '\0';
	if (text[n])
		r = proto_parse(text + n + 1, &of, why);
	if (!r && of != IPPROTO_TCP && of != IPPROTO_UDP)
		r = problem(why, -EINVAL, "'%.80s': ports of TCP and UDP can be published", text);
	if (!r)
		r = port_parse(number, port, why);
	if (!r)
		*proto = of;
	return r;
}

int duration_parse(const char *text, uint64_t *ret, struct problem *why)
{
	static const char units[] = "smhd";
	static const unsigned seconds[] = { 1, 60, 3600, 86400 };
	char digits[16];
	size_t n = strspn(text, "0123456789");
	const char *unit = text[n] ? strchr(units, text[n]) : units;
	unsigned long value;

	if (n >= sizeof(digits) || !unit || (text[n] && text[n + 1]))
		goto bad;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (number_parse(digits, DURATION_MAX, &value) || !value ||
	    value * seconds[unit - units] > DURATION_MAX)
		goto bad;
	*ret = value * seconds[unit - units];
	return 0;
bad:
	return problem(why, -EINVAL,
		       "duration '%s' is not a number with s, m, h or d, up to 366 days", text);
}

const char *duration_format(char buf[static DURATION_TEXT], uint64_t seconds)
{
	static const struct {
		unsigned seconds;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	while (seconds % units[i].seconds)
		i++;
	snprintf(buf, DURATION_TEXT, "%llu%c", (unsigned long long)(seconds / units[i].seconds),
		 units[i].name);
	return buf;
}

/* The address itself, in either family; *v4 says which was written. */
static int addr_parse(const char *text, uint8_t addr[static 16], bool *v4)
{
	struct in_addr in;

	*v4 = inet_pton(AF_INET, text, &in) == 1;
	if (*v4) {
		addr_of_v4(addr, (const uint8_t *)&in);
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr) != 1)
		return -EINVAL;
	return 0;
}

static void addr_mask(uint8_t addr[static 16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		if (bits >= (i + 1) * 8)
			continue;
		addr[i] &= bits <= i * 8 ? 0 : 0xff << (8 - (bits - i * 8));
	}
}

/* Cut "/what" off: digits are a prefix length, letters a protocol; both may be there. */
static int dest_cut_slash(char *buf, const char *text, char **bits, struct dest *dest,
			  struct problem *why)
{
	for (char *slash; (slash = strrchr(buf, '/'));) {
		char *word = slash + 1;

		*slash = '\0';
		if (*word >= '0' && *word <= '9') {
			if (*bits)
				return problem(why, -EINVAL, "'%s' has two prefix lengths", text);
			*bits = word;
		} else if (dest->proto || *bits) {
			return problem(why, -EINVAL, "'%s': write ADDRESS[/BITS][:PORT][/PROTOCOL]",
				       text);
		} else if (proto_parse(word, &dest->proto, why)) {
			return -EINVAL;
		}
	}
	return 0;
}

/* Cut ":port" off an IPv4 address or a bracketed IPv6 address; *host is what is left. */
static int dest_cut_port(char *buf, const char *text, char **host, struct dest *dest,
			 struct problem *why)
{
	char *colon = strchr(buf, ':'), *close = strchr(buf, ']');

	*host = buf;
	if (*buf == '[') {
		if (!close)
			return problem(why, -EINVAL, "'%s' lacks the closing bracket", text);
		*close = '\0';
		*host = buf + 1;
		if (!close[1])
			return 0;
		if (close[1] != ':')
			return problem(why, -EINVAL, "'%s': after ] comes :PORT", text);
		return port_parse(close + 2, &dest->port, why);
	}
	if (!colon || strchr(colon + 1, ':')) /* none, or a plain IPv6 address */
		return 0;
	*colon = '\0';
	return port_parse(colon + 1, &dest->port, why);
}

static int dest_set_bits(struct dest *dest, const char *bits, bool v4, const char *text,
			 struct problem *why)
{
	unsigned long n, max = v4 ? 32 : 128;

	dest->bits = 128;
	if (!bits)
		return 0;
	if (number_parse(bits, max, &n))
		return problem(why, -EINVAL, "prefix length '%s' of '%s' is not 0 to %lu", bits,
			       text, max);
	dest->bits = v4 ? 96 + n : n;
	return 0;
}

int dest_parse(const char *text, struct dest *ret, struct problem *why)
{
	char buf[96], *bits = NULL, *host;
	struct dest dest = {};
	bool v4;
	int r;

	if (strlen(text) >= sizeof(buf))
		return problem(why, -EINVAL, "'%.40s...' is too long for a destination", text);
	strcpy(buf, text);

	/* 10.0.0.0/8:443: the port stands behind the length */
	r = dest_cut_slash(buf, text, &bits, &dest, why);
	if (!r && bits && strchr(bits, ':')) {
		char *colon = strchr(bits, ':');

		*colon = '\0';
		r = port_parse(colon + 1, &dest.port, why);
	}
	if (!r && !(bits && dest.port))
		r = dest_cut_port(buf, text, &host, &dest, why);
	else
		host = buf;
	if (r)
		return r;

	if (addr_parse(host, dest.addr, &v4))
		return problem(why, -EINVAL, "'%s' is not an IPv4 or IPv6 address or prefix", text);
	r = dest_set_bits(&dest, bits, v4, text, why);
	if (r)
		return r;
	addr_mask(dest.addr, dest.bits);
	*ret = dest;
	return 0;
}

int dest_parse_one(const char *text, const char *what, struct dest *ret, struct problem *why)
{
	int r = dest_parse(text, ret, why);

	if (!r && (ret->bits != 128 || ret->port || ret->proto))
		r = problem(why, -EINVAL, "%s '%s': one address is expected", what, text);
	return r;
}

const char *addr_format(char buf[static ADDR_TEXT], const uint8_t addr[static 16])
{
	if (addr_is_v4(addr))
		inet_ntop(AF_INET, addr + 12, buf, ADDR_TEXT);
	else
		inet_ntop(AF_INET6, addr, buf, ADDR_TEXT);
	return buf;
}

const char *dest_format(char buf[static ADDR_TEXT], const struct dest *dest)
{
	bool v4 = dest->bits >= 96 && addr_is_v4(dest->addr);
	size_t n;

	addr_format(buf, dest->addr);
	if (dest->bits == 128)
		return buf;
	if (!v4)
		inet_ntop(AF_INET6, dest->addr, buf, ADDR_TEXT);
	n = strlen(buf);
	snprintf(buf + n, ADDR_TEXT - n, "/%u", v4 ? dest->bits - 96U : dest->bits);
	return buf;
}
