// SPDX-License-Identifier: Apache-2.0
/* web_upstream.c - an upstream that does what the path says; see web.h */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "web.h"

#define BITE     (256 << 10)
#define HEAD_MAX 8192
#define EVENT_NS 1000000
#define READY    64 /* events taken at once */
#define DATE     "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
#define TINY_HEAD                                                                                  \
	"HTTP/1.1 200 OK\r\n" DATE                                                                 \
	"Content-Type: application/json\r\nContent-Length: " TEXT(WEB_REPLY) "\r\n\r\n"
#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

struct visitor {
	int fd;
	SSL *ssl; /* NULL: plain */
	char in[HEAD_MAX];
	size_t n;
	uint64_t sink;  /* bytes of a body that are to come */
	uint64_t zeros; /* bytes that are to go */
	unsigned events;
	uint64_t next; /* event, CLOCK_MONOTONIC */
	bool out;      /* waits for room */
};

static struct {
	int epoll, listening[2];
	SSL_CTX *tls;
	char secret[96];
	struct visitor *streams; /* the one that has events: there is never a second */
	char zeros[BITE];
} up;

int web_upstream_listen(struct web_upstream *upstream)
{
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t size = sizeof(at);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || listen(fd, 1024) ||
		    getsockname(fd, (struct sockaddr *)&at, &size))
			return -errno;
		*(i ? &upstream->tls : &upstream->plain) = fd;
		*(i ? &upstream->tls_port : &upstream->plain_port) = ntohs(at.sin_port);
	}
	return 0;
}

/* Bytes that went or came; 0: not now; -1: it is over. */
static ssize_t tls_result(struct visitor *v, int r)
{
	int why = r > 0 ? 0 : SSL_get_error(v->ssl, r);

	ERR_clear_error();
	return r > 0 ? r : why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t plain_result(ssize_t n)
{
	return n > 0 ? n : n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t put(struct visitor *v, const char *bytes, size_t n)
{
	return v->ssl ? tls_result(v, SSL_write(v->ssl, bytes, (int)n))
		      : plain_result(send(v->fd, bytes, n, MSG_NOSIGNAL));
}

static ssize_t get(struct visitor *v, char *bytes, size_t n)
{
	return v->ssl ? tls_result(v, SSL_read(v->ssl, bytes, (int)n))
		      : plain_result(recv(v->fd, bytes, n, 0));
}

static void wait_for_room(struct visitor *v, bool out)
{
	struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = v };

	if (v->out != out)
		epoll_ctl(up.epoll, EPOLL_CTL_MOD, v->fd, &event);
	v->out = out;
}

static int zeros_go(struct visitor *v)
{
	for (int bites = 0; v->zeros && bites < 4; bites++) {
		ssize_t n = put(v, up.zeros, v->zeros < BITE ? v->zeros : BITE);

		if (n < 0)
			return -EPIPE;
		if (!n)
			break;
		v->zeros -= (uint64_t)n;
	}
	wait_for_room(v, v->zeros > 0);
	return 0;
}

/* What is small enough for any socket that was read from: all of it goes or the visitor does. */
static int say(struct visitor *v, const char *text, size_t n)
{
	return put(v, text, n) == (ssize_t)n ? 0 : -EPIPE;
}

static int event_go(struct visitor *v)
{
	char text[64], chunk[96];
	int n = snprintf(text, sizeof(text), "data: %020llu\n\n", (unsigned long long)bench_ns());

	v->next += EVENT_NS;
	n = snprintf(chunk, sizeof(chunk), "%x\r\n%s\r\n%s", (unsigned)n, text,
		     --v->events ? "" : "0\r\n\r\n");
	if (!v->events)
		up.streams = NULL;
	return say(v, chunk, (size_t)n);
}

static int answer(struct visitor *v, const char *path, uint64_t length)
{
	static const char tiny[] = TINY_HEAD
	    "{\"it\":\"is sixty-four bytes long, as small replies of APIs are\"}\n";
	static const char stream[] =
	    "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/event-stream\r\n"
	    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
	char head[160];
	unsigned long long n;

	/* one byte more or less, and a proxy does not keep the connection */
	_Static_assert(sizeof(tiny) - sizeof(TINY_HEAD) == WEB_REPLY, "as its head says");

	if (!strncmp(path, "/tiny ", 6))
		return say(v, tiny, sizeof(tiny) - 1);
	if (!strncmp(path, "/sink ", 6)) {
		v->sink = length;
		return v->sink ? 0 : say(v, tiny, sizeof(tiny) - 1);
	}
	if (sscanf(path, "/events/%llu", &n) == 1 && n && !up.streams) {
		v->events = (unsigned)n;
		v->next = bench_ns() + EVENT_NS;
		up.streams = v;
		return say(v, stream, sizeof(stream) - 1);
	}
	if (sscanf(path, "/bytes/%llu", &n) != 1)
		return -ENOENT;
	v->zeros = n;
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n" DATE "Content-Length: %llu\r\n\r\n", n);
	return say(v, head, strlen(head)) ?: zeros_go(v);
}

/* A head that is whole, if there is one. */
static int request(struct visitor *v)
{
	static const char no[] = "HTTP/1.1 403 No Secret\r\nContent-Length: 0\r\n\r\n";
	char *end, *path, *at;
	uint64_t length = 0;
	int r;

	v->in[v->n] = '\0';
	end = strstr(v->in, "\r\n\r\n");
	if (!end)
		return v->n == HEAD_MAX - 1 ? -EMSGSIZE : 0;
	end[2] = '\0';
	path = strchr(v->in, ' ');
	at = strcasestr(v->in, "\r\ncontent-length:");
	if (at)
		length = strtoull(at + 17, NULL, 10);
	if (!path)
		return -EBADMSG;
	r = strstr(v->in, up.secret) ? answer(v, path + 1, length) : say(v, no, sizeof(no) - 1);
	v->n -= (size_t)(end + 4 - v->in);
	memmove(v->in, end + 4, v->n);
	if (r || !v->sink)
		return r;
	v->sink -= v->n < v->sink ? v->n : v->sink;
	v->n = 0;
	return v->sink ? 0 : answer(v, "/tiny ", 0);
}

static int sink(struct visitor *v)
{
	static char away[BITE];
	size_t most = v->sink < BITE ? v->sink : BITE;
	ssize_t n = v->ssl ? get(v, away, most) : plain_result(recv(v->fd, NULL, most, MSG_TRUNC));

	if (n < 0)
		return -EPIPE;
	v->sink -= (uint64_t)n;
	if (!n)
		return -EAGAIN;
	return v->sink ? 0 : answer(v, "/tiny ", 0);
}

static int heard(struct visitor *v)
{
	int r;

	do {
		if (v->sink) {
			r = sink(v);
		} else {
			ssize_t n = get(v, v->in + v->n, HEAD_MAX - 1 - v->n);

			if (n < 0)
				return -EPIPE;
			v->n += (size_t)n;
			r = n ? request(v) : 0;
		}
		/* what TLS has read already wakes nobody */
	} while (!r && v->ssl && SSL_pending(v->ssl));
	return r == -EAGAIN ? 0 : r;
}

static void visitor_free(struct visitor *v)
{
	if (up.streams == v)
		up.streams = NULL;
	SSL_free(v->ssl);
	close(v->fd);
	free(v);
}

static void come(int listening, bool tls)
{
	int one = 1, fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct visitor *v = fd < 0 ? NULL : calloc(1, sizeof(*v));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = v };

	if (!v)
		return;
	v->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls) {
		v->ssl = SSL_new(up.tls);
		SSL_set_fd(v->ssl, fd);
		SSL_set_accept_state(v->ssl);
		SSL_set_mode(v->ssl,
			     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	}
	epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &event);
}

static void turn(const struct epoll_event *event)
{
	struct visitor *v = event->data.ptr;
	int r = 0;

	for (int i = 0; i < 2; i++)
		if (event->data.ptr == &up.listening[i]) {
			come(up.listening[i], i);
			return;
		}
	if (event->events & EPOLLOUT)
		r = zeros_go(v);
	if (!r && event->events & ~(uint32_t)EPOLLOUT)
		r = heard(v);
	if (r)
		visitor_free(v);
}

static _Noreturn void upstream_run(void)
{
	for (;;) {
		struct epoll_event ready[READY];
		uint64_t now = up.streams ? bench_ns() : 0;
		struct timespec left = {};
		int n;

		if (up.streams && up.streams->next <= now && event_go(up.streams))
			up.streams = NULL;
		if (up.streams && up.streams->next > now)
			left.tv_nsec = (long)(up.streams->next - now);
		n = epoll_pwait2(up.epoll, ready, READY, up.streams ? &left : NULL, NULL);
		for (int i = 0; i < n; i++)
			turn(&ready[i]);
	}
}

static bool tls_begin(const char *folder)
{
	char cert[400], key[400];

	snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
	snprintf(key, sizeof(key), "%s/key.pem", folder);
	up.tls = SSL_CTX_new(TLS_server_method());
	return up.tls && SSL_CTX_use_certificate_chain_file(up.tls, cert) == 1 &&
	       SSL_CTX_use_PrivateKey_file(up.tls, key, SSL_FILETYPE_PEM) == 1;
}

int web_upstream_start(struct web_upstream *upstream, const char *folder, const char *secret,
		       int cpu)
{
	fflush(NULL);
	upstream->pid = fork();
	if (upstream->pid)
		return upstream->pid < 0 ? -errno : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1UL);
	bench_cpu(cpu);
	snprintf(up.secret, sizeof(up.secret), "%s", secret);
	up.listening[0] = upstream->plain;
	up.listening[1] = upstream->tls;
	up.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (up.epoll < 0 || !tls_begin(folder))
		_exit(bench_fail(-EIO, "the upstream's certificate") ? 1 : 0);
	for (int i = 0; i < 2; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &up.listening[i] };

		epoll_ctl(up.epoll, EPOLL_CTL_ADD, up.listening[i], &event);
	}
	upstream_run();
}

void web_upstream_stop(struct web_upstream *upstream)
{
	if (upstream->pid > 0) {
		kill(upstream->pid, SIGKILL);
		waitpid(upstream->pid, NULL, 0);
	}
	upstream->pid = 0;
	close(upstream->plain);
	close(upstream->tls);
}
