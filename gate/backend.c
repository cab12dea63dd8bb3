// SPDX-License-Identifier: Apache-2.0
#include "backend.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend_spawn.h"
#include "base/cleanup.h"

#define BITE  (64 << 10)
#define EXTRA 4 /* headers that its owner adds */

struct backend {
	struct loop *loop;
	struct http_request *request; /* NULL: it is over */
	struct backend_owner owner;
	struct backend_process process;
	struct source in, out, err, ended;
	struct timer late;
	uint64_t silence_ns, moved_ns;
	char *early; /* written by it and not sent yet: first its head, then of the body */
	size_t early_n, early_size, early_at;
	bool replied, out_over, has_ended, terminated;
	bool lingered; /* it had said all and did not end: its reply is whole */
	struct backend_end end;
	size_t n_complaints;
	char complaints[BACKEND_STDERR + 1];
};

static int on_late(struct timer *timer);

/* --- its end -------------------------------------------------------------------------- */

static void pipe_close(struct source *source, int *fd)
{
	source_del(source);
	closep(fd);
}

/* Until it is reaped the number of its group is nobody else's. */
static void group_signal(struct backend *backend, int signal)
{
	if (!backend->has_ended)
		kill(-backend->process.pid, signal);
}

static void terminate(struct backend *backend)
{
	if (backend->has_ended)
		return;
	group_signal(backend, backend->terminated ? SIGKILL : SIGTERM);
	backend->terminated = true;
	timer_arm(backend->loop, &backend->late, now_boot_ns() + BACKEND_TERM_NS, on_late);
}

static void backend_free(struct backend *backend)
{
	pipe_close(&backend->in, &backend->process.in);
	pipe_close(&backend->out, &backend->process.out);
	pipe_close(&backend->err, &backend->process.err);
	pipe_close(&backend->ended, &backend->process.pidfd);
	timer_disarm(&backend->late);
	free(backend->early);
	free(backend);
}

/* When nobody needs it any more. */
static void check_over(struct backend *backend)
{
	if (!backend->has_ended || backend->request)
		return;
	backend->end.complaints = backend->complaints;
	backend->owner.over(backend->owner.user, &backend->end);
	backend_free(backend);
}

static void err_take(struct backend *backend)
{
	char bite[4096];
	ssize_t n = read(backend->process.err, bite, sizeof(bite));
	size_t room = BACKEND_STDERR - backend->n_complaints;

	if (n > 0) {
		room = (size_t)n < room ? (size_t)n : room;
		memcpy(backend->complaints + backend->n_complaints, bite, room);
		backend->n_complaints += room;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		pipe_close(&backend->err, &backend->process.err);
	}
}

static int on_err(struct source *source, uint32_t events)
{
	(void)events;
	err_take(container_of(source, struct backend, err));
	return 0;
}

/* It has ended; whoever is left of its group when it did not end by itself goes as well. */
static int on_ended(struct source *source, uint32_t events)
{
	struct backend *backend = container_of(source, struct backend, ended);
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PID, backend->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return 0;
	source_del(source);
	backend->end.status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	if (backend->end.status >= 128) {
		backend->end.failed |= !backend->lingered;
		group_signal(backend, SIGTERM);
	}
	backend->has_ended = true;
	waitid(P_PID, backend->process.pid, &info, WEXITED);
	timer_disarm(&backend->late);
	if (backend->process.err >= 0)
		err_take(backend);
	if (backend->request)
		http_wake(backend->request);
	if (backend->request && !backend->replied)
		backend_fill(backend, NULL, 0);
	check_over(backend);
	return 0;
}

static int on_late(struct timer *timer)
{
	struct backend *backend = container_of(timer, struct backend, late);
	uint64_t silent = backend->moved_ns + backend->silence_ns;

	if (!backend->terminated && !backend->out_over && silent > now_boot_ns()) {
		timer_arm(backend->loop, timer, silent, on_late); /* it moved meanwhile */
		return 0;
	}
	if (backend->out_over && !backend->terminated)
		backend->lingered = backend->terminated = true;
	else if (!backend->terminated)
		backend->end.failed = true;
	terminate(backend);
	if (backend->request && backend->end.failed)
		http_abort(backend->request);
	return 0;
}

static void moved(struct backend *backend)
{
	backend->moved_ns = now_boot_ns();
}

/* --- what it says --------------------------------------------------------------------- */

static void reply_error(struct backend *backend)
{
	static const struct http_header plain[] = { { "Content-Type", "text/plain" } };
	static const char text[] = "git http-backend failed\n";

	backend->replied = true;
	backend->end.failed = true;
	http_reply(backend->request, 500, plain, 1, text, sizeof(text) - 1);
	terminate(backend);
}

/* 0: it has no head yet. */
static int head_take(struct backend *backend)
{
	size_t n = cgi_end(backend->early, backend->early_n);
	struct http_header all[CGI_HEADERS_MAX + EXTRA];
	char text[CGI_HEAD_MAX + 1];
	struct cgi_head head;

	if (!n && backend->out_over)
		n = backend->early_n;
	if (n > CGI_HEAD_MAX || (!n && (backend->early_n > CGI_HEAD_MAX || backend->out_over)))
		return -EINVAL;
	if (!n)
		return 0;
	memcpy(text, backend->early, n);
	if (cgi_read(text, n, &head))
		return -EINVAL;
	memcpy(all, head.header, head.n * sizeof(*all));
	head.n += backend->owner.head(backend->owner.user, &head, all + head.n, EXTRA);
	backend->early_at = n;
	backend->replied = true;
	return http_stream(backend->request, head.status, all, head.n, head.length) ?: 1;
}

static int early_grow(struct backend *backend)
{
	size_t size = backend->early_size ? 2 * backend->early_size : 2 * BITE;
	char *bigger;

	if (backend->early_size - backend->early_n >= BITE)
		return 0;
	if (size > BACKEND_EARLY)
		return -EFBIG;
	bigger = realloc(backend->early, size);
	if (!bigger)
		return -ENOMEM;
	backend->early = bigger;
	backend->early_size = size;
	return 0;
}

static void out_end(struct backend *backend)
{
	backend->out_over = true;
	source_del(&backend->out);
	if (!backend->has_ended && !backend->terminated)
		timer_arm(backend->loop, &backend->late, now_boot_ns() + BACKEND_LINGER_NS,
			  on_late);
}

/* Bytes; 0: none now, and its end is told by out_over. */
static ssize_t out_read(struct backend *backend, char *bytes, size_t size)
{
	ssize_t n = read(backend->process.out, bytes, size);

	if (n > 0) {
		moved(backend);
		backend->end.out += (uint64_t)n;
		return n;
	}
	/* it has ended: what others of its group have open is not its output */
	if (n == 0 || (errno != EAGAIN && errno != EINTR) || backend->has_ended)
		out_end(backend);
	return 0;
}

static void shown(struct backend *backend, bool in, const char *bytes, size_t n)
{
	if (backend->owner.saw && n)
		backend->owner.saw(backend->owner.user, in, bytes, n);
}

static void early_shown(struct backend *backend, size_t before)
{
	size_t from = before > backend->early_at ? before : backend->early_at;

	if (backend->replied)
		shown(backend, false, backend->early + from, backend->early_n - from);
}

/* Before there is a reply, or while the body still comes: kept. */
static int early_take(struct backend *backend)
{
	size_t before = backend->early_n;
	int r = early_grow(backend);
	ssize_t n = r ? 0 : out_read(backend, backend->early + before, BITE);

	if (r)
		return r;
	backend->early_n += (size_t)n;
	if (!backend->replied)
		r = head_take(backend);
	if (r >= 0)
		early_shown(backend, before);
	return r < 0 ? r : 0;
}

static int on_out(struct source *source, uint32_t events)
{
	struct backend *backend = container_of(source, struct backend, out);

	(void)events;
	if (!backend->request) {
		source_del(source);
		return 0;
	}
	if (backend->replied && backend->process.in < 0) { /* from here on as it can be sent */
		source_del(source);
		http_wake(backend->request);
	} else if (early_take(backend)) {
		source_del(source);
		if (backend->replied)
			http_abort(backend->request);
		else
			reply_error(backend);
	}
	return 0;
}

static void out_wait(struct backend *backend)
{
	if (!backend->out.loop && backend->process.out >= 0 && !backend->out_over)
		source_add(backend->loop, &backend->out, backend->process.out, EPOLLIN, on_out);
}

static ssize_t early_give(struct backend *backend, char *bytes, size_t size)
{
	size_t n = backend->early_n - backend->early_at;

	n = n < size ? n : size;
	memcpy(bytes, backend->early + backend->early_at, n);
	backend->early_at += n;
	if (backend->early_at == backend->early_n) {
		free(backend->early);
		backend->early = NULL;
		backend->early_n = backend->early_at = backend->early_size = 0;
	}
	return (ssize_t)n;
}

/* @bytes NULL: it has ended without a head so far. */
ssize_t backend_fill(struct backend *backend, char *bytes, size_t size)
{
	ssize_t n = 0;

	if (!bytes) {
		while (!backend->replied && !backend->out_over && !early_take(backend))
			;
		if (!backend->replied)
			reply_error(backend);
		return 0;
	}
	if (backend->early_at < backend->early_n)
		return early_give(backend, bytes, size);
	if (backend->end.failed)
		return HTTP_ABORT;
	if (!backend->out_over)
		n = out_read(backend, bytes, size);
	shown(backend, false, bytes, (size_t)n);
	if (n)
		return n;
	if (!backend->out_over)
		out_wait(backend);
	return backend->out_over && backend->has_ended ? HTTP_END : 0;
}

/* --- what it is told ------------------------------------------------------------------ */

static int on_in(struct source *source, uint32_t events)
{
	struct backend *backend = container_of(source, struct backend, in);

	(void)events;
	source_del(source);
	if (backend->request)
		http_wake(backend->request);
	return 0;
}

/* One that takes no more may still have something to say: the rest is read and forgotten. */
size_t backend_body(struct backend *backend, const char *bytes, size_t n)
{
	ssize_t took;

	if (!n) {
		pipe_close(&backend->in, &backend->process.in);
		return 0;
	}
	if (backend->process.in < 0)
		return n;
	took = write(backend->process.in, bytes, n);
	if (took < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (!backend->in.loop)
			source_add(backend->loop, &backend->in, backend->process.in, EPOLLOUT,
				   on_in);
		return 0;
	}
	if (took < 0) {
		pipe_close(&backend->in, &backend->process.in);
		return n;
	}
	moved(backend);
	backend->end.in += (uint64_t)took;
	shown(backend, true, bytes, (size_t)took);
	return (size_t)took;
}

/* --- its life ------------------------------------------------------------------------- */

void backend_gone(struct backend *backend, bool whole)
{
	backend->request = NULL;
	backend->end.whole = whole && !backend->end.failed;
	source_del(&backend->out);
	if (!whole)
		terminate(backend);
	else if (!backend->out_over)
		out_end(backend);
	pipe_close(&backend->in, &backend->process.in);
	check_over(backend);
}

void backend_kill(struct backend *backend)
{
	if (!backend)
		return;
	if (!backend->has_ended) {
		group_signal(backend, SIGTERM);
		waitid(P_PID, backend->process.pid, &(siginfo_t){ 0 }, WEXITED | WNOHANG);
	}
	backend_free(backend);
}

int backend_new(struct loop *loop, struct http_request *request, const struct backend_start *start,
		const struct backend_owner *owner, struct backend **ret, struct problem *why)
{
	struct backend *backend = calloc(1, sizeof(*backend));
	int r;

	if (!backend)
		return problem(why, -ENOMEM, "no memory for a transfer");
	*backend = (struct backend){
		.loop = loop,
		.owner = *owner,
		.process = BACKEND_PROCESS_NONE,
		.silence_ns = start->silence_ns,
	};
	r = backend_spawn(start->argv, start->env, start->folder, &backend->process, why);
	if (!r)
		r = source_add(loop, &backend->ended, backend->process.pidfd, EPOLLIN, on_ended);
	if (!r)
		r = source_add(loop, &backend->err, backend->process.err, EPOLLIN, on_err);
	if (!r)
		r = source_add(loop, &backend->out, backend->process.out, EPOLLIN, on_out);
	if (r) {
		if (backend->process.pid < 0)
			backend->has_ended = true;
		backend_kill(backend);
		return r;
	}
	backend->request = request;
	moved(backend);
	if (backend->silence_ns)
		timer_arm(loop, &backend->late, backend->moved_ns + backend->silence_ns, on_late);
	*ret = backend;
	return 0;
}
