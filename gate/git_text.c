// SPDX-License-Identifier: Apache-2.0
#include "git_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *scheme;
	enum git_way way;
} schemes[] = {
	{ "https", GIT_WAY_HTTPS }, { "ssh", GIT_WAY_SSH },   { "git+ssh", GIT_WAY_SSH },
	{ "ssh+git", GIT_WAY_SSH }, { "http", GIT_WAY_HTTP }, { "git", GIT_WAY_GIT },
	{ "file", GIT_WAY_FILE },
};

const char *git_way_name(enum git_way way)
{
	static const char *const names[] = {
		[GIT_WAY_NONE] = "none", [GIT_WAY_HTTPS] = "https", [GIT_WAY_SSH] = "ssh",
		[GIT_WAY_HTTP] = "http", [GIT_WAY_GIT] = "git",     [GIT_WAY_FILE] = "file",
	};

	return names[way];
}

static int refuse(struct problem *why, int err, const char *what)
{
	return problem(why, err,
		       "the URL %s; try https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH",
		       what);
}

/* "ext::sh -c ..." and "ext://...": a word and two colons are a helper's. */
static bool names_helper(const char *url)
{
	size_t word = strcspn(url, ":/");

	return url[word] == ':' && url[word + 1] == ':';
}

/* The host, behind "user@": a dash in front of either is an option to who gets it. */
static bool host_is_option(const char *host)
{
	size_t n = strcspn(host, "/");
	const char *at = memrchr(host, '@', n);

	return *host == '-' || (at && at[1] == '-');
}

static int with_scheme(const char *url, const char *sep, enum git_way *ret, struct problem *why)
{
	const char *rest = sep + 3;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if ((size_t)(sep - url) != n || strncasecmp(url, schemes[i].scheme, n))
			continue;
		if (schemes[i].way == GIT_WAY_FILE && *rest != '/')
			return refuse(why, -EINVAL, "names no absolute path");
		if (schemes[i].way != GIT_WAY_FILE && (!*rest || *rest == '/'))
			return refuse(why, -EINVAL, "names no host");
		if (host_is_option(rest))
			return refuse(why, -EINVAL, "has a dash where its host begins");
		*ret = schemes[i].way;
		return 0;
	}
	return refuse(why, -EPROTONOSUPPORT, "has a scheme that the gate does not use");
}

int git_url_way(const char *url, enum git_way *ret, struct problem *why)
{
	size_t n = strlen(url), host = strcspn(url, ":/");
	const char *sep = strstr(url, "://");

	if (!n || n > GIT_URL_MAX)
		return problem(why, -EINVAL, "a URL of %zu bytes: 1 to %d are allowed", n,
			       GIT_URL_MAX);
	for (size_t i = 0; i < n; i++)
		if (!isascii((unsigned char)url[i]) || !isgraph((unsigned char)url[i]))
			return problem(
			    why, -EINVAL,
			    "byte %zu of the URL is not allowed: printable ASCII without "
			    "spaces; try %%20 for a space",
			    i + 1);
	if (*url == '-')
		return refuse(why, -EINVAL, "begins with a dash");
	if (names_helper(url))
		return refuse(why, -EPROTONOSUPPORT, "names a helper program, which is never run");
	if (sep)
		return with_scheme(url, sep, ret, why);
	if (*url == '/') {
		*ret = GIT_WAY_FILE;
		return 0;
	}
	/* one letter is a drive elsewhere */
	if (url[host] != ':' || host < 2)
		return refuse(why, -EINVAL, "is neither a URL nor an absolute path");
	if (host_is_option(url) || url[host + 1] == '-' || !url[host + 1])
		return refuse(why, -EINVAL, "has no path, or a dash where host or path begin");
	*ret = GIT_WAY_SSH;
	return 0;
}

const char *git_text_redact(char *buf, size_t size, const char *text)
{
	size_t n = 0;

	while (*text && n + 1 < size) {
		if (!strncmp(text, "://", 3)) {
			size_t host = strcspn(text + 3, "/ \t\n'\"");
			const char *at = memrchr(text + 3, '@', host);

			if (at) {
				n += snprintf(buf + n, size - n, "://***");
				n = n < size ? n : size - 1;
				text = at;
				continue;
			}
		}
		buf[n++] = isascii((unsigned char)*text) && isprint((unsigned char)*text) ? *text
											  : ' ';
		text++;
	}
	buf[n] = '\0';
	return buf;
}

/* What git says beside what was wrong. */
static bool says_nothing(const char *line, size_t n)
{
	static const char *const others[] = {
		"From ",
		"hint:",
		"Please make sure you have",
		"and the repository exists",
		"warning:",
		"remote: Enumerating",
		"remote: Total",
		"Cloning into",
		"Warning: Permanently added",
	};

	if (!n || isspace((unsigned char)*line) || memmem(line, n, "% (", 3))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strncmp(line, others[i], strlen(others[i])))
			return true;
	return false;
}

const char *git_text_error(char *buf, size_t size, const char *lines)
{
	size_t used = 0;

	*buf = '\0';
	while (*lines && used + 3 < size) {
		size_t n = strcspn(lines, "\r\n");
		char line[512], clean[512];

		if (!says_nothing(lines, n)) {
			const char *text = line;

			snprintf(line, sizeof(line), "%.*s", (int)n, lines);
			if (!strncmp(text, "fatal: ", 7) || !strncmp(text, "error: ", 7))
				text += 7;
			git_text_redact(clean, sizeof(clean), text);
			used += snprintf(buf + used, size - used, "%s%s", used ? "; " : "", clean);
		}
		lines += n + (lines[n] != '\0');
	}
	return buf;
}

/* @what: "branch", "tag", "ref" */
static int check_name(const char *what, const char *name, struct problem *why)
{
	size_t n = strlen(name);
	const char *part = name;

	if (!n || n > GIT_BRANCH_MAX)
		return problem(why, -EINVAL, "a %s's name of %zu bytes: 1 to %d are allowed", what,
			       n, GIT_BRANCH_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || strchr("~^:?*[\\\177", name[i]))
			return problem(why, -EINVAL,
				       "byte %zu of the %s's name is none that git allows", i + 1,
				       what);
	if (*name == '-' || name[n - 1] == '.' || !strcmp(name, "@") || strstr(name, "..") ||
	    strstr(name, "@{"))
		goto wrong;
	while (part) { /* between slashes: not empty, no dot in front, not a lock file */
		size_t m = strcspn(part, "/");

		if (!m || *part == '.' || (m >= 5 && !strncmp(part + m - 5, ".lock", 5)))
			goto wrong;
		part = part[m] ? part + m + 1 : NULL;
	}
	return 0;
wrong:
	return problem(why, -EINVAL, "that is no name of a %s: see git-check-ref-format(1)", what);
}

int git_branch_check(const char *name, struct problem *why)
{
	return check_name("branch", name, why);
}

const char *git_ref_branch(const char *ref)
{
	return strncmp(ref, "refs/heads/", 11) ? NULL : ref + 11;
}

int git_ref_check(const char *ref, struct problem *why)
{
	if (git_ref_branch(ref))
		return git_branch_check(git_ref_branch(ref), why);
	if (!strncmp(ref, "refs/tags/", 10))
		return check_name("tag", ref + 10, why);
	if (strncmp(ref, "refs/", 5) || !strcmp(ref + 5, "heads") || !strcmp(ref + 5, "tags"))
		return check_name("ref", "", why);
	return check_name("ref", ref + 5, why);
}

bool git_is_sha(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef");

	return (n == 40 || n == 64) && !text[n];
}

bool git_is_zero(const char *sha)
{
	return git_is_sha(sha) && !sha[strspn(sha, "0")];
}
