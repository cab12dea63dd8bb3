// SPDX-License-Identifier: Apache-2.0
/*
 * test_malformed.c - requests that are none, made by a grammar: each is answered or cut, none reaches git
 *
 * What would be a fetch, with a token that is good, gets one defect that no git may see; where the
 * defect is in the body, or anywhere, the token is nobody's. TEROK_SEED=N makes others, and a
 * request that was wrong is shown with its number. git is a script that leaves word.
 * B names the build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/event.h"

#define REQUESTS    1000
#define AT_ONCE     200
#define REQUEST_MAX (1 << 17)
#define END_NS      (20 * SECOND_NS) /* for AT_ONCE of them */

/* terok-g-0123456789abcdef0123456789abcdef:x, and another */
#define GOOD  "dGVyb2stZy0wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp4"
#define WRONG "dGVyb2stZy0wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZTp4"
#define REFS  "/p.git/info/refs?service=git-upload-pack"

static char folder[64];
static struct sockaddr_un at = { .sun_family = AF_UNIX };
static pid_t child;

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void begin(void)
{
	char program[4096], base[80], tokens[100], path[4096], log[80], number[16];
	const char *argv[] = { program,           "serve", "--base-path", base,
			       "--token-file",    tokens,  "--head-time", "1",
			       "--idle-time",     "2",     "--audit",     "none",
			       "--no-containers", NULL };
	int passed = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(program, sizeof(program), "%s/terok-gate", getenv("B") ?: "build");
	snprintf(base, sizeof(base), "%s/base", folder);
	snprintf(tokens, sizeof(tokens), "%s/tokens.json", base);
	snprintf(path, sizeof(path), "%s/bin:%s", folder, getenv("PATH"));
	snprintf(log, sizeof(log), "%s/log", folder);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/gate.sock", folder);
	assert_int_equal(bind(passed, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(passed, AT_ONCE), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 2);
		snprintf(number, sizeof(number), "%d", getpid());
		setenv("LISTEN_PID", number, 1);
		setenv("LISTEN_FDS", "1", 1);
		setenv("PATH", path, 1);
		if (passed == 3)
			fcntl(3, F_SETFD, 0);
		else
			dup2(passed, 3);
		execv(program, (char **)argv);
		_exit(126);
	}
	close(passed);
}

static int setup(void **state)
{
	char path[100];

	(void)state;
	strcpy(folder, "/tmp/terok-malformed-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/base", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/base/p.git", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/bin", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	put("base/tokens.json",
	    "{\"terok-g-0123456789abcdef0123456789abcdef\": {\"project\": \"p\", \"task\": \"t\"}}\n",
	    0600);
	put("bin/git",
	    "#!/bin/sh\n[ \"$1\" = http-backend ] || exit 1\n"
	    "echo \"$REQUEST_METHOD $PATH_INFO\" >>\"$GIT_PROJECT_ROOT/reached\"\n"
	    "printf 'Content-Type: text/plain\\n\\nthis is git\\n'\n",
	    0700);
	signal(SIGPIPE, SIG_IGN);
	begin();
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* --- the grammar ------------------------------------------------------------------------ */

struct text {
	char bytes[REQUEST_MAX];
	size_t n;
};

static uint64_t chance; /* of one request */

static unsigned below(unsigned n)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (unsigned)((chance * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}
#define ONE_OF(...)                                                                                \
	((const char *const[]){                                                                    \
	    __VA_ARGS__ }[below(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))])

static void add_bytes(struct text *to, const void *bytes, size_t n)
{
	if (n > sizeof(to->bytes) - to->n)
		n = sizeof(to->bytes) - to->n;
	memcpy(to->bytes + to->n, bytes, n);
	to->n += n;
}

__attribute__((__format__(__printf__, 2, 3))) static void add(struct text *to, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	assert_true(n >= 0);
	add_bytes(to, text, (size_t)n);
	free(text);
}

static void add_many(struct text *to, char byte, size_t n)
{
	while (n--)
		add_bytes(to, &byte, 1);
}

static void add_noise(struct text *to, size_t n)
{
	while (n--) {
		char byte = (char)below(256);

		add_bytes(to, &byte, 1);
	}
}

static void add_head(struct text *to, const char *token)
{
	add(to, "Host: x\r\nAuthorization: Basic %s\r\n", token);
}

static void a_line_of_noise(struct text *to)
{
	add_noise(to, 1 + below(300));
	add(to, "\r\n");
	add_head(to, GOOD);
	add(to, "\r\n");
}

static void a_version(struct text *to)
{
	add(to, "GET " REFS "%s\r\n",
	    ONE_OF(" HTTP/9.9", " HTTP/2.0", " HTTP/0.9", " HTTP/1.", " HTTP/1.1x", " http/1.1",
		   " HTTP/11", " HTTP/-1.1", " HTTPS/1.1", " HTTP 1.1", " FTP/1.1", " HTTP/1,1",
		   " HTTP/99999999999.1", " /HTTP/1.1", " HTTP/1.1 HTTP/1.1"));
	add_head(to, GOOD);
	add(to, "\r\n");
}

static void a_method(struct text *to)
{
	if (below(4))
		add(to, "%s",
		    ONE_OF("get", "Get", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
			   "CONNECT", "GETT", "G", "GE T", "GET,", "\"GET\"", "GET\t", "\x7fGET",
			   "PRI", "M-SEARCH", "POST;GET", "\xc3\xa9"));
	else
		add_many(to, 'A' + (char)below(26), 1 + below(30000));
	add(to, " " REFS " HTTP/1.1\r\n");
	add_head(to, GOOD);
	add(to, "\r\n");
}

static void a_target(struct text *to)
{
	add(to, "%s ", ONE_OF("GET", "POST"));
	switch (below(5)) {
	case 0:
		add(to, "/p.git/info/refs");
		add_many(to, "/.%a\\"[below(5)], 1 + below(40000));
		break;
	case 1:
		add(to, "/p.git/%s%c%s", ONE_OF("info", "git-upload-pack", "HEAD"), 1 + below(31),
		    ONE_OF("refs", "", "x"));
		break;
	default:
		add(to, "%s",
		    ONE_OF(
			"/%70.git/info/refs", "http://x/p.git/info/refs", "*", "/", "//p.git/HEAD",
			"/../p.git/HEAD", "/x/../p.git/HEAD", "/p.git/../p.git/HEAD", "p.git/HEAD",
			"/p.git/HEAD/", "/p.git//HEAD", "/p.git/info/refs%3fservice=x",
			"/q.git/info/refs", "/p/info/refs", "/.git/HEAD", "/..git/HEAD",
			"/p.git/objects/info/packs", "/p.git/config", "/p.git\\HEAD", "/P.git/HEAD",
			"/p.git/git-upload-pack%00", "/p.git/HEAD#x", "x:80", "/p.git/HEAD;x",
			"/p.git.git/HEAD", "/\xc3\xa9.git/HEAD", "/tokens.json", "/p.git/hooks"));
	}
	add(to, " HTTP/1.1\r\n");
	add_head(to, GOOD);
	add(to, "\r\n");
}

static void a_header(struct text *to)
{
	add(to, "GET " REFS " HTTP/1.1\r\n");
	if (below(2))
		add_head(to, GOOD);
	switch (below(4)) {
	case 0: /* names and values that hold a NUL */
		add_bytes(to, ONE_OF("X\0Y: 1\r\n", "XY:1\0 \r\n", "\0XY: 1\r\n", "X: \0\0\0\r\n"),
			  8);
		break;
	case 1: /* too large, in one or in many */
		add(to, "X: ");
		add_many(to, 'a' + (char)below(26), 17000 + below(50000));
		add(to, "\r\n");
		break;
	case 2:
		for (unsigned i = 1200 + below(1000); i--;)
			add(to, "X%u: %u\r\n", i, below(1000000));
		break;
	default:
		add(to, "%s\r\n",
		    ONE_OF("no colon", ": no name", "Sp ace : 1", "X :1", "X\t: 1", "\"X\": 1",
			   "X\x01: 1", "\xc3\xa9", "=", "X;"));
	}
	if (below(2))
		add(to, "Host: y\r\n");
	else
		add(to, "Authorization: Basic " WRONG "\r\n");
	add(to, "\r\n");
}

static void a_length(struct text *to)
{
	add(to, "POST /p.git/git-upload-pack HTTP/1.1\r\n");
	add_head(to, GOOD);
	switch (below(3)) {
	case 0:
		add(to, "Content-Length: %u\r\nContent-Length: %u\r\n", below(20), below(20));
		break;
	case 1: add(to, "Content-Length: %u\r\nTransfer-Encoding: chunked\r\n", below(20)); break;
	default:
		add(to, "Content-Length: %s\r\n",
		    ONE_OF("-1", "+5", "0x10", "5 5", "5,5", "99999999999999999999999", "1e3",
			   "five", "5;", "\"5\"", "18446744073709551616", "9223372036854775808",
			   "--", "5.0"));
	}
	add(to, "\r\n0000\n");
}

static void a_coding(struct text *to)
{
	add(to, "POST /p.git/git-upload-pack HTTP/1.1\r\n");
	add_head(to, GOOD);
	if (below(5))
		add(to, "Transfer-Encoding: %s\r\n",
		    ONE_OF("gzip, chunked", "chunked, chunked", "xchunked", "chunked;q=1",
			   "identity", "chunked,", ",chunked", "gzip", "chunked gzip", "deflate",
			   "chunke", "\"chunked\"", "chunked\x0b", "trailers"));
	else
		add(to, "Transfer-Encoding: chunked\r\nTransfer-Encoding: %s\r\n",
		    ONE_OF("chunked", "gzip", "identity"));
	add(to, "\r\n4\r\n0000\r\n0\r\n\r\n");
}

static void a_credential(struct text *to)
{
	add(to, "GET " REFS " HTTP/1.1\r\nHost: x\r\n");
	switch (below(3)) {
	case 0:
		add(to, "Authorization: Basic ");
		add_noise(to, 1 + below(60));
		break;
	case 1: add(to, "Authorization: Basic %.*s", below(sizeof(GOOD) - 1), GOOD); break;
	default:
		add(to, "%s",
		    ONE_OF("Authorization: Bearer " GOOD, "Authorization: " GOOD,
			   "Authorization:", "Authorization: Basic", "Authorization: Basic =",
			   "X-Authorization: Basic " GOOD, "Authorization: Basic " GOOD "=",
			   "Authorization: Basic\t" GOOD, "Authorization: Digest " GOOD,
			   "Authorization: Basic Ong=", "Authorization: Basic %" GOOD));
	}
	add(to, "\r\n\r\n");
}

/* Nobody's token: the body is what it likes. */
static void a_body(struct text *to)
{
	add(to, "POST /p.git/git-%s-pack HTTP/1.1\r\n", ONE_OF("upload", "receive"));
	add_head(to, WRONG);
	if (!below(4))
		add(to, "Expect: 100-continue\r\n");
	if (!below(4))
		add(to, "Content-Encoding: %s\r\n",
		    ONE_OF("gzip", "x-gzip", "br", "", "gzip, gzip"));
	if (below(3)) {
		add(to, "Transfer-Encoding: chunked\r\n\r\n");
		for (unsigned i = below(6); i--;)
			add(to, "%s", ONE_OF("4\r\n0000\r\n", "1\r\na\r\n", "3;x=y\r\nabc\r\n"));
		add(to, "%s",
		    ONE_OF("zz\r\nabc\r\n", "-1\r\na\r\n", "fffffffffffffffff\r\na",
			   "4\r\n00000000", "4\n0000\n", "\r\n\r\n", "0x4\r\n0000\r\n",
			   "4 \r\n0000", "4", "ffffffff\r\nabc", "0\r\nX: \0",
			   "0\r\nno colon\r\n\r\n", " 4\r\n0000\r\n"));
		if (below(2))
			add_noise(to, below(2000));
	} else { /* less or more than it says */
		add(to, "Content-Length: %u\r\n\r\n", below(100000));
		add_noise(to, below(100000));
	}
}

/* It ends before its head does. */
static void a_part(struct text *to)
{
	add(to, "%s HTTP/1.1\r\n", ONE_OF("GET " REFS, "POST /p.git/git-upload-pack"));
	add_head(to, GOOD);
	add(to, "Git-Protocol: version=2\r\n");
	to->n = below((unsigned)to->n);
}

/* A request that is right but for its token, with bytes that are others, more, or gone. */
static void a_change(struct text *to)
{
	a_body(to);
	to->n = to->n < 400 ? to->n : 400;
	for (unsigned i = 1 + below(8); i--;) {
		size_t n = below((unsigned)to->n);

		switch (below(3)) {
		case 0: to->bytes[n] = (char)below(256); break;
		case 1: to->bytes[n] ^= (char)(1 << below(8)); break;
		default:
			memmove(to->bytes + n, to->bytes + n + 1, to->n - n - 1);
			to->n -= to->n > 1;
		}
	}
}

static void make(unsigned i, struct text *to)
{
	static void (*const kinds[])(struct text *) = {
		a_line_of_noise, a_version,    a_method, a_target, a_header, a_length,
		a_coding,        a_credential, a_body,   a_part,   a_change,
	};

	chance =
	    (strtoull(getenv("TEROK_SEED") ?: "1", NULL, 10) + 1) * UINT64_C(0x9E3779B97F4A7C15) ^
	    (i + 1) * UINT64_C(0xBF58476D1CE4E5B9);
	for (int k = 0; k < 8; k++)
		below(2);
	to->n = 0;
	kinds[i % (sizeof(kinds) / sizeof(*kinds))](to);
}

/* --- what becomes of them --------------------------------------------------------------- */

struct asked {
	unsigned number;
	int fd;
	char reply[512]; /* its beginning */
	size_t n;
};

static void show(unsigned number, const char *what)
{
	struct text *text = malloc(sizeof(*text));

	make(number, text);
	fprintf(stderr, "request %u %s: ", number, what);
	for (size_t i = 0; i < text->n && i < 300; i++)
		fprintf(stderr, isprint((unsigned char)text->bytes[i]) ? "%c" : "\\x%02x",
			(unsigned char)text->bytes[i]);
	fputc('\n', stderr);
	free(text);
}

/* Whether it was since this was asked last; who was cut may have begun one that is not there yet. */
static bool reached(void)
{
	char path[100], some = 1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", child, child);
	while (some) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		some = fd >= 0 && read(fd, &some, 1) == 1 && !poll(NULL, 0, 5);
		close(fd);
	}
	snprintf(path, sizeof(path), "%s/base/reached", folder);
	return !unlink(path);
}

static int ask(const char *bytes, size_t n)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	/* what does not go at once is more than it wants to hear */
	if (send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		assert_true(errno == EPIPE || errno == ECONNRESET || errno == EAGAIN);
	return fd;
}

/* Hear more of a reply; true: it is over. Who has a reply says no more. */
static bool hear(struct asked *asked)
{
	char more[4096];
	ssize_t n = recv(asked->fd, more, sizeof(more), MSG_DONTWAIT);
	size_t room = sizeof(asked->reply) - 1 - asked->n;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		return true;
	room = room < (size_t)n ? room : (size_t)n;
	memcpy(asked->reply + asked->n, more, room);
	asked->n += room;
	if (strstr(asked->reply, "\r\n\r\n"))
		shutdown(asked->fd, SHUT_WR);
	return false;
}

/* All of them, until each is over. How many were cut without a word. */
static unsigned end_all(struct asked *asked, unsigned n)
{
	uint64_t until_ns = now_boot_ns() + END_NS;
	unsigned open = n, cut = 0;

	while (open) {
		struct pollfd ready[AT_ONCE];

		for (unsigned i = 0; i < n; i++)
			ready[i] = (struct pollfd){ .fd = asked[i].fd, .events = POLLIN };
		if (now_boot_ns() > until_ns || poll(ready, n, 10000) < 0)
			break;
		for (unsigned i = 0; i < n; i++) {
			if (asked[i].fd < 0 || !ready[i].revents || !hear(&asked[i]))
				continue;
			close(asked[i].fd);
			asked[i].fd = -1;
			open--;
			cut += !asked[i].n;
			if (asked[i].n && (strncmp(asked[i].reply, "HTTP/1.", 7) != 0 ||
					   (asked[i].reply[9] != '4' && asked[i].reply[9] != '5' &&
					    strncmp(asked[i].reply + 9, "100 ", 4) != 0))) {
				show(asked[i].number, "was answered");
				fail_msg("%.60s", asked[i].reply);
			}
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (asked[i].fd >= 0)
			show(asked[i].number, "is neither answered nor cut");
	assert_int_equal(open, 0);
	return cut;
}

/* How many of @n from the @first on were cut without a word. */
static unsigned ask_all(unsigned first, unsigned n)
{
	struct text *text = malloc(sizeof(*text));
	struct asked asked[AT_ONCE] = {};

	for (unsigned i = 0; i < n; i++) {
		make(first + i, text);
		asked[i].number = first + i;
		asked[i].fd = ask(text->bytes, text->n);
		if (below(2)) /* it says no more; else its reply is awaited */
			shutdown(asked[i].fd, SHUT_WR);
	}
	free(text);
	return end_all(asked, n);
}

static void what_is_no_request_is_answered_or_cut_and_reaches_no_git(void **state)
{
	unsigned cut = 0, n;

	(void)state;
	for (unsigned first = 0; first < REQUESTS; first += n) {
		n = REQUESTS - first < AT_ONCE ? REQUESTS - first : AT_ONCE;
		cut += ask_all(first, n);
		if (!reached())
			continue;
		for (unsigned i = first; i < first + n; i++) /* which was it? */
			if (ask_all(i, 1), reached())
				show(i, "reached git");
		fail_msg("git was reached by one of %u to %u", first, first + n - 1);
	}
	print_message("%u of %u were cut without a word\n", cut, REQUESTS);
	assert_true(cut < REQUESTS / 2);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
}

/* The control: without a defect it would have. */
static void what_is_one_reaches_git(void **state)
{
	static const char request[] =
	    "GET " REFS " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " GOOD "\r\n\r\n";
	struct asked asked = { .fd = ask(request, strlen(request)) };
	struct pollfd ready = { .fd = asked.fd, .events = POLLIN };

	(void)state;
	while (poll(&ready, 1, 10000) == 1 && !hear(&asked))
		;
	close(asked.fd);
	assert_memory_equal(asked.reply, "HTTP/1.1 200", 12);
	assert_true(reached());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_request_is_answered_or_cut_and_reaches_no_git),
		cmocka_unit_test(what_is_one_reaches_git),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
