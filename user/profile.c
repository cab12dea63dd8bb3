// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sanitise.h"

#define FILE_MAX  (1 << 20)
#define NAMES_MAX 1024

void profile_done(struct profile *profile)
{
	free(profile->entry);
	*profile = (struct profile){};
}

/* --- entries ----------------------------------------------------------------------------- */

/* One label: letters, digits and inner hyphens, 63 at most. Its length; 0: it is none. */
static size_t label_take(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 63 || *text == '-' || (n && text[n - 1] == '-') ? 0 : n;
}

/* In place: lower case, no trailing dot. At least two labels, the last not all digits. */
static int domain_check(char *domain, struct problem *why)
{
	char *label = domain + (strncmp(domain, "*.", 2) ? 0 : 2);
	size_t n = strlen(domain);
	unsigned labels = 0;

	for (char *p = domain; *p; p++)
		*p = tolower((unsigned char)*p);
	if (n && domain[n - 1] == '.')
		domain[--n] = '\0';
	for (;;) {
		size_t len = label_take(label);

		if (!len || (label[len] && label[len] != '.'))
			return problem(why, -EINVAL,
				       "'%.100s' is no domain: labels of letters, digits and inner "
				       "hyphens, with dots between",
				       domain);
		labels++;
		if (!label[len])
			break;
		label += len + 1;
	}
	if (labels < 2 || strspn(label, "0123456789") == strlen(label))
		return problem(why, -EINVAL, "'%.100s' is no domain with a top level", domain);
	return 0;
}

/* domain[:port][/proto] */
static int domain_parse(const char *text, struct profile_entry *ret, struct problem *why)
{
	size_t n = strcspn(text, ":/");
	const char *rest = text + n, *slash = strchr(rest, '/');
	char port[8] = "";
	int r = 0;

	if (n >= PROFILE_DOMAIN_LEN)
		return problem(why, -EINVAL, "a domain has at most %d characters",
			       PROFILE_DOMAIN_LEN - 1);
	memcpy(ret->domain, text, n);
	ret->domain[n] = '\0';
	if (*rest == ':') {
		size_t len = slash ? (size_t)(slash - rest - 1) : strlen(rest + 1);

		snprintf(port, sizeof(port), "%.*s", (int)len, rest + 1);
		r = len >= sizeof(port)
			? problem(why, -EINVAL, "port '%.20s' is not a number", rest + 1)
			: port_parse(port, &ret->dest.port, why);
	}
	if (!r && slash)
		r = proto_parse(slash + 1, &ret->dest.proto, why);
	return r ? r : domain_check(ret->domain, why);
}

/* Meant as an address: then an error should speak of one. */
static bool looks_like_address(const char *text)
{
	size_t host = strcspn(text, "/");

	return *text == '[' || strspn(text, "0123456789.:") >= host ||
	       (strspn(text, "0123456789abcdefABCDEF:.") >= host && strchr(text, ':') &&
		strchr(strchr(text, ':') + 1, ':'));
}

int profile_entry_parse(const char *text, struct profile_entry *ret, struct problem *why)
{
	struct profile_entry entry = {};
	int r;

	if (*text == '!') {
		entry.deny = true;
		text++;
	}
	r = looks_like_address(text) ? dest_parse(text, &entry.dest, why)
				     : domain_parse(text, &entry, why);
	if (!r)
		*ret = entry;
	return r;
}

const char *profile_entry_format(char buf[static PROFILE_TEXT_LEN], const struct profile_entry *e)
{
	char addr[ADDR_TEXT], proto[8], port[8] = "";
	const char *host = *e->domain ? e->domain : dest_format(addr, &e->dest);
	bool brackets = !*e->domain && e->dest.port && e->dest.bits == 128 && strchr(host, ':');

	if (e->dest.port)
		snprintf(port, sizeof(port), ":%u", e->dest.port);
	snprintf(buf, PROFILE_TEXT_LEN, "%s%s%s%s%s%s%s", e->deny ? "!" : "", brackets ? "[" : "",
		 host, brackets ? "]" : "", port, e->dest.proto ? "/" : "",
		 e->dest.proto ? proto_name(e->dest.proto, proto) : "");
	return buf;
}

/* --- files ------------------------------------------------------------------------------- */

/* One line, cut to its words; false: it says nothing. */
static bool line_trim(char *line)
{
	size_t n;

	memmove(line, line + strspn(line, " \t"), strlen(line + strspn(line, " \t")) + 1);
	n = strlen(line);
	while (n && strchr(" \t\r", line[n - 1]))
		line[--n] = '\0';
	return n && *line != '#';
}

static int line_parse(const char *text, size_t n, struct profile_entry *entry, struct problem *why)
{
	char line[PROFILE_LINE_MAX + 1], safe[64];

	if (n > PROFILE_LINE_MAX)
		return problem(why, -EINVAL, "longer than %d bytes", PROFILE_LINE_MAX);
	if (memchr(text, '\0', n))
		return problem(why, -EINVAL, "a NUL byte");
	memcpy(line, text, n);
	line[n] = '\0';
	if (!line_trim(line))
		return 1;
	for (const char *p = line; *p; p++)
		if (*p <= 0x20 || *p > 0x7e)
			return problem(why, -EINVAL,
				       "'%s': one entry a line, of printable characters without "
				       "spaces",
				       sanitise(safe, sizeof(safe) - 1, line, strlen(line)));
	return profile_entry_parse(line, entry, why);
}

int profile_parse(const char *text, size_t size,
		  int (*fn)(unsigned line, const struct profile_entry *e, const struct problem *why,
			    void *user),
		  void *user)
{
	const char *end = text + size;
	unsigned number = 0;
	int r = 0;

	while (!r && text < end) {
		const char *newline = memchr(text, '\n', end - text) ?: end;
		struct profile_entry entry;
		struct problem why = {};
		int said = line_parse(text, newline - text, &entry, &why);

		number++;
		if (said <= 0)
			r = fn(number, said ? NULL : &entry, &why, user);
		text = newline + 1;
	}
	return r;
}

static bool name_check(const char *name)
{
	return isalnum((unsigned char)*name) && strlen(name) < PROFILE_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		   strlen(name);
}

static const char *folder(bool shipped)
{
	const char *env = getenv(shipped ? "TEROK_DATA" : "TEROK_CONFIG");

	return env && *env ? env : shipped ? TEROK_DATADIR : "/etc/terok";
}

static void folder_path(char path[static 4096], bool shipped, const char *name)
{
	snprintf(path, 4096, "%s/profiles%s%s%s", folder(shipped), name ? "/" : "", name ?: "",
		 name ? ".txt" : "");
}

/* A regular file that nobody but root and the caller can write. */
static int file_check(int fd, const char *path, struct stat *st, struct problem *why)
{
	if (fstat(fd, st))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return problem(why, -EINVAL, "%s is no regular file", path);
	if ((st->st_uid && st->st_uid != geteuid()) || st->st_mode & 022)
		return problem(
		    why, -EPERM,
		    "%s can be written by others (user %u, mode %04o): what it allows is "
		    "not believed; try: chown root %s; chmod go-w %s",
		    path, st->st_uid, st->st_mode & 07777, path, path);
	if (st->st_size > FILE_MAX)
		return problem(why, -EFBIG, "%s is larger than %d bytes", path, FILE_MAX);
	return 0;
}

static int file_read(const char *path, char **ret, size_t *size, struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : problem(why, -errno, "%s: %s", path, strerror(errno));
	r = file_check(fd, path, &st, why);
	if (r)
		return r;
	text = malloc(st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, st.st_size);
	if (n < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	*size = n;
	*ret = TAKE_PTR(text);
	return 0;
}

int profile_read(const char *text, char **ret, size_t *size, char path[static 4096],
		 struct problem *why)
{
	int r = -ENOENT;

	if (strchr(text, '/')) {
		snprintf(path, 4096, "%s", text);
		r = file_read(path, ret, size, why);
		return r == -ENOENT ? problem(why, r, "%s: no such file", path) : r;
	}
	if (!name_check(text))
		return problem(why, -EINVAL,
			       "'%.80s' is no profile's name: letters, digits, '.', '_', '-'",
			       text);
	for (int shipped = 0; r == -ENOENT && shipped <= 1; shipped++) {
		folder_path(path, shipped, text);
		r = file_read(path, ret, size, why);
	}
	return r == -ENOENT
		   ? problem(why, r, "no profile '%s'; terok-bpfd profiles lists them", text)
		   : r;
}

struct loading {
	struct profile *profile;
	const char *path;
	struct problem *why;
};

static bool entry_same(const struct profile_entry *a, const struct profile_entry *b)
{
	char x[PROFILE_TEXT_LEN], y[PROFILE_TEXT_LEN];

	return !strcmp(profile_entry_format(x, a), profile_entry_format(y, b));
}

static int load_line(unsigned line, const struct profile_entry *entry, const struct problem *wrong,
		     void *user)
{
	struct loading *loading = user;
	struct profile *profile = loading->profile;

	if (!entry)
		return problem(loading->why, -EINVAL, "%s:%u: %s", loading->path, line,
			       wrong->text);
	for (size_t i = 0; i < profile->n; i++)
		if (entry_same(&profile->entry[i], entry))
			return 0;
	if (profile->n == profile->room) {
		size_t room = profile->room ? 2 * profile->room : 32;
		struct profile_entry *more = reallocarray(profile->entry, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		profile->entry = more;
		profile->room = room;
	}
	profile->entry[profile->n++] = *entry;
	return 0;
}

int profile_load(const char *name, struct profile *profile, struct problem *why)
{
	struct loading loading = { .profile = profile, .why = why };
	_cleanup_free_ char *text = NULL;
	char path[4096];
	size_t size;
	int r = profile_read(name, &text, &size, path, why);

	loading.path = path;
	return r ? r : profile_parse(text, size, load_line, &loading);
}

/* --- listing ----------------------------------------------------------------------------- */

struct listed {
	char name[PROFILE_NAME_LEN];
	bool shipped;
};

static size_t list_folder(bool shipped, struct listed *list, size_t n)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[4096];
	struct dirent *entry;

	folder_path(path, shipped, NULL);
	dir = opendir(path);
	while (dir && n < NAMES_MAX && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), i = 0;

		if (len < 5 || len - 4 >= PROFILE_NAME_LEN ||
		    strcmp(entry->d_name + len - 4, ".txt"))
			continue;
		snprintf(list[n].name, sizeof(list[n].name), "%.*s", (int)len - 4, entry->d_name);
		list[n].shipped = shipped;
		while (strcmp(list[i].name, list[n].name))
			i++;
		if (i == n && name_check(list[n].name))
			n++;
	}
	return n;
}

static int listed_compare(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

int profile_each(int (*fn)(const char *name, bool shipped, void *user), void *user)
{
	_cleanup_free_ struct listed *list = calloc(NAMES_MAX + 1, sizeof(*list));
	size_t n;
	int r = 0;

	if (!list)
		return -ENOMEM;
	n = list_folder(true, list, list_folder(false, list, 0));
	qsort(list, n, sizeof(*list), listed_compare);
	for (size_t i = 0; !r && i < n; i++)
		r = fn(list[i].name, list[i].shipped, user);
	return r;
}
