// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_stream.c - the face for programs: every event as a line of JSON
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "clearance.h"

struct stream {
	struct session session;
	struct source signals;
	int signal_fd;
	int64_t lost;
	bool interrupted;
};

static void stream_event(const struct terok_event *event, void *user)
{
	struct stream *stream = user;

	if (stream->session.lost > stream->lost)
		log_warn(0, "%" PRId64 " events were lost: this reader is too slow",
			 stream->session.lost - stream->lost);
	stream->lost = stream->session.lost;
	puts(event->json);
	if (fflush(stdout)) /* nobody reads any more */
		loop_stop(stream->session.loop);
}

static void stream_note(const char *text, void *user)
{
	char safe[256];

	(void)user;
	log_info("%s", log_safe(safe, sizeof(safe), text));
}

static const struct session_face face = { .event = stream_event, .note = stream_note };

static int on_signal(struct source *source, uint32_t events)
{
	struct stream *stream = container_of(source, struct stream, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(stream->signal_fd, &info, sizeof(info)) == sizeof(info))
		stream->interrupted = info.ssi_signo == SIGINT;
	loop_stop(stream->session.loop);
	return 0;
}

int stream_run(const char *path, bool reconnect)
{
	static struct stream stream = { .signal_fd = -1 };
	struct problem why = {};
	sigset_t set;
	int r;

	stream.session.path = path;
	stream.session.reconnect = reconnect;
	stream.session.face = &face;
	stream.session.user = &stream;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r = loop_new(&stream.session.loop);
	if (!r) {
		stream.signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
		r = source_add(stream.session.loop, &stream.signals, stream.signal_fd, EPOLLIN,
			       on_signal);
	}
	if (!r)
		r = session_start(&stream.session, &why);
	if (!r)
		r = loop_run(stream.session.loop);
	if (r)
		log_error(0, "%s", why.text[0] ? why.text : "the hub went away");
	session_stop(&stream.session);
	source_del(&stream.signals);
	loop_free(stream.session.loop);
	closep(&stream.signal_fd);
	return r ?: stream.interrupted ? EXIT_INTERRUPTED : 0;
}
