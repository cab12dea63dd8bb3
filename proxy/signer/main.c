// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - terok-signer: begun by terok-proxy, which has its other end; not by people
 *
 * As a keeper it begins a signer for each socket that it is sent at descriptor 3, or another keeper,
 * for a front that cannot begin programs any more. Such a front has two keepers, so that each of them
 * can be begun again by the other. As a signer descriptor 3 is that socket, and it gives up all it can
 * before it hears the first word.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/sock.h"
#include "launch.h"
#include "signer.h"
#include "words.h"

#define SECURE_HEAP  (1 << 19) /* bytes that are locked, for OpenSSL's private numbers */
#define SECURE_LEAST 32

static int front_check(int wanted)
{
	socklen_t n = sizeof(int);
	int type = 0, family = 0;

	if (getsockopt(WORDS_FD, SOL_SOCKET, SO_TYPE, &type, &n) || type != wanted ||
	    getsockopt(WORDS_FD, SOL_SOCKET, SO_DOMAIN, &family, &n) || family != AF_UNIX)
		return log_error(-EINVAL, "it is terok-proxy who begins it, at descriptor %d",
				 WORDS_FD);
	return 0;
}

/* Before anything is given up: what libraries fetch when they are first used. */
static int libraries_begin(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_LEAST) != 1)
		log_warn(0, "private numbers cannot be kept from swap (see RLIMIT_MEMLOCK)");
	if (!EVP_Digest("", 0, digest, NULL, EVP_sha256(), NULL))
		return log_error(-EIO, "the libraries do not begin");
	return 0;
}

static int verb_run(int argc, char **argv)
{
	struct signer_options options;
	struct problem why = {};
	int r = launch_read(argc, argv, &options);

	if (!r)
		r = front_check(SOCK_STREAM);
	if (!r)
		r = confine_early(WORDS_FD);
	if (!r)
		r = libraries_begin();
	if (r)
		return r;
	r = signer_run(&options, WORDS_FD, &why);
	return r ? log_error(0, "%s", why.text), r : 0;
}

/* The next front's end, and who is to have it; -EPIPE: there are no more. */
static int next_front(char *byte)
{
	struct pollfd ready = { .fd = WORDS_FD, .events = POLLIN };
	ssize_t n = -EAGAIN;
	int fd = -1;

	while (n == -EAGAIN || n == -EINTR)
		if (poll(&ready, 1, -1) == 1)
			n = sock_receive(WORDS_FD, byte, 1, &fd, 1);
	if (n <= 0)
		closep(&fd);
	return n <= 0 ? -EPIPE : fd;
}

/* The program anew for each: nothing of one signer is in the next. */
static int verb_keep(int argc, char **argv)
{
	struct signer_options options;
	int r = launch_read(argc, argv, &options), fd;
	char byte = 0;

	if (!r)
		r = front_check(SOCK_SEQPACKET);
	if (!r)
		r = confine_early(WORDS_FD);
	if (r)
		return r;
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them: their front hears of their end */
	while ((fd = next_front(&byte)) != -EPIPE) {
		const char *verb = byte == *LAUNCH_KEEP ? LAUNCH_KEEP : LAUNCH_RUN;
		pid_t pid = fd < 0 ? -1 : fork();

		if (!pid) {
			log_error(launch_exec("/proc/self/exe", verb, &options, environ, fd),
				  "begin a signer's %s", verb);
			_exit(1);
		}
		closep(&fd);
	}
	return 0;
}

static const struct cli_verb verbs[] = {
	{ LAUNCH_RUN, "[OPTIONS]", "sign for a front", verb_run },
	{ LAUNCH_KEEP, "[OPTIONS]", "begin one for each front's socket that comes", verb_keep },
	{ NULL, NULL, NULL, NULL },
};

static const struct cli_program program = {
	.name = SIGNER_PROGRAM,
	.version = TEROK_VERSION,
	.summary = "Has the keys, signs, and speaks to terok-proxy alone.",
	.verbs = verbs,
	.default_verb = LAUNCH_RUN,
};

int main(int argc, char **argv)
{
	log_setup(SIGNER_PROGRAM, LOG_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's is for the front, whose end ends us */
	return cli_main(&program, argc, argv);
}
