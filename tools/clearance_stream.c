// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_stream.c - the face for programs: every event as a line of JSON
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/signals.h"
#include "clearance.h"

struct stream {
	struct session session;
	struct signals signals;
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

static int on_signal(struct signals *signals, int signal)
{
	struct stream *stream = container_of(signals, struct stream, signals);

	stream->interrupted = signal == SIGINT;
	loop_stop(stream->session.loop);
	return 0;
}

int stream_run(const char *path, bool reconnect)
{
	static struct stream stream;
	struct problem why = {};
	int r;

	stream.session.path = path;
	stream.session.reconnect = reconnect;
	stream.session.face = &face;
	stream.session.user = &stream;
	r = loop_new(&stream.session.loop);
	if (!r)
		r = signals_add(stream.session.loop, &stream.signals, NULL, on_signal);
	if (!r)
		r = session_start(&stream.session, &why);
	if (!r)
		r = loop_run(stream.session.loop);
	if (r)
		log_error(0, "%s", why.text[0] ? why.text : "the hub went away");
	session_stop(&stream.session);
	signals_end(&stream.signals);
	loop_free(stream.session.loop);
	return r ?: stream.interrupted ? EXIT_INTERRUPTED : 0;
}
