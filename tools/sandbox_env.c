// SPDX-License-Identifier: Apache-2.0
#include "sandbox_env.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_MAX_  32000       /* podman reads lines of 64 KiB; far from it */
#define STRING_MAX (120 << 10) /* the kernel takes 128 KiB for one variable */

/*
 * Podman, and what it starts, would take these as theirs: a value of the container's must not
 * steer them, so it goes by the file or not at all.
 */
static const char *const podmans[] = {
	"PATH",
	"HOME",
	"USER",
	"LOGNAME",
	"SHELL",
	"TMPDIR",
	"PWD",
	"IFS",
	"ENV",
	"BASH*",
	"LANG",
	"LANGUAGE",
	"LC_*",
	"TZ",
	"XDG_*",
	"LD_*",
	"GLIBC_*",
	"MALLOC_*",
	"GCONV_PATH",
	"LOCPATH",
	"NLSPATH",
	"GO*",
	"CGO_*",
	"RES_*",
	"LOCALDOMAIN",
	"HOSTALIASES",
	"SSL_CERT_*",
	"SSLKEYLOGFILE",
	"*_PROXY",
	"*_proxy",
	"DBUS_*",
	"NOTIFY_*",
	"LISTEN_*",
	"SYSTEMD_*",
	"JOURNAL_STREAM",
	"CONTAINER",
	"CONTAINER_*",
	"CONTAINERS*",
	"_CONTAINERS_*",
	"PODMAN*",
	"_PODMAN_*",
	"LIBPOD_*",
	"STORAGE_*",
	"BUILDAH_*",
	"DOCKER_*",
	"REGISTRY_*",
	"SSH_*",
	"GNUPGHOME",
	"GPG*",
	"NETAVARK*",
	"AARDVARK*",
	"CNI_*",
	"SLIRP*",
	"PASST*",
	"RUST*",
	"CRUN*",
	"LIBCRUN*",
	"RUNC*",
	"_OCI_*",
	"CONMON*",
	"TEROK_*",
};

static bool is_podmans(const char *name)
{
	for (unsigned i = 0; i < sizeof(podmans) / sizeof(podmans[0]); i++)
		if (!fnmatch(podmans[i], name, 0))
			return true;
	return false;
}

/* Whatever version reads it: no line end, nothing that any of them takes for a quote. */
static bool fits_line(const char *value)
{
	size_t n = strlen(value);

	return !value[strcspn(value, "\n\r\"'`\\")] && n <= LINE_MAX_;
}

static int carry_one(const char *pair, FILE *file, bool *in_file, struct words *argv,
		     struct words *podman, struct problem *why)
{
	const char *value = strchr(pair, '=');
	_cleanup_free_ char *name = strndup(pair, strcspn(pair, "="));

	if (!name)
		return -ENOMEM;
	if (value && fits_line(value + 1)) {
		fprintf(file, "%s\n", pair);
		*in_file = true;
		return 0;
	}
	if (value && is_podmans(name))
		return problem(why, -EINVAL,
			       "env: %.60s: a value with quotes, line ends or over %d bytes cannot "
			       "be handed over by this name, which podman reads itself",
			       name, LINE_MAX_);
	if (value && strlen(pair) > STRING_MAX)
		return problem(why, -EINVAL, "env: %.60s: over %d bytes; mount it as a file", name,
			       STRING_MAX);
	if (value)
		words_set(podman, pair);
	words_add(argv, "-e");
	words_add(argv, name);
	return 0;
}

/* @text into a file without a name. Podman opens it by its number: no close-on-exec. */
static int make_file(const char *text, size_t size, int *ret)
{
	_cleanup_close_ int fd = memfd_create("terok-sandbox-env", 0);

	for (size_t at = 0; fd >= 0 && at < size;) {
		ssize_t n = write(fd, text + at, size - at);

		if (n < 0)
			return -errno;
		at += n;
	}
	if (fd < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

int env_carry(const struct words *env, struct words *argv, struct words *podman, int *ret_fd,
	      struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_words_ struct words names = {};
	bool in_file = false;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	int r = file ? 0 : -ENOMEM;

	*ret_fd = -1;
	for (unsigned i = 0; !r && i < env->n; i++)
		r = carry_one(env->word[i], file, &in_file, &names, podman, why);
	if (file && fclose(file) && !r)
		r = -ENOMEM;
	if (!r && in_file)
		r = make_file(text, size, ret_fd);
	if (text)
		explicit_bzero(text, size);
	if (r)
		return r;
	if (in_file) {
		words_add(argv, "--env-file");
		words_addf(argv, "/proc/self/fd/%d", *ret_fd);
	}
	words_add_all(argv, &names);
	return words_error(argv) ?: words_error(podman);
}
