// SPDX-License-Identifier: Apache-2.0
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "base/spawn.h"
#include "terok/clearance.h"

#define HUB       "terok-clearance.sock"
#define READERS   "terok-shield-events.sock"
#define TAKEN_NS  (5 * SECOND_NS) /* for the hub to subscribe us, and to tell our own request */
#define DEST_MAX  200             /* characters of a ref, as it is shown */
#define PLACE_MAX 200             /* bytes of a project, a task and a number */

/* One question. */
struct asking {
	struct ask ask;
	struct loop *loop;
	struct terok_client *client;
	struct source source;
	struct timer late;
	ask_fn done;
	void *user;
	int readers, alive; /* the socket of readers, and what the one who withdraws listens to */
	char hub[256], id[64], place[PLACE_MAX];
	bool subscribed, told, open, asked, closed, answered, allowed;
};

/* --- what the hub says ---------------------------------------------------------------- */

static void on_subscribed(void *user)
{
	struct asking *asking = user;

	asking->subscribed = true;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct asking *asking = user;

	(void)lost;
	if (strcmp(event->request_id, asking->id))
		return;
	if (!strcmp(event->type, "request"))
		asking->open = true;
	if (strcmp(event->type, "verdict") || !event->ok)
		return;
	asking->answered = true;
	asking->allowed = !strcmp(event->action, "allow");
}

static void on_closed(int error, void *user)
{
	struct asking *asking = user;

	(void)error;
	asking->closed = true;
}

static const struct terok_client_events events = {
	.subscribed = on_subscribed,
	.event = on_event,
	.closed = on_closed,
};

/* --- what it is told ------------------------------------------------------------------ */

static int connect_to(const struct ask *ask, const char *name, char *path, size_t size)
{
	_cleanup_close_ int fd = -1;
	struct ucred peer;
	int r;

	if (snprintf(path, size, "%s/%s", ask->runtime, name) >= (int)size)
		return -ENAMETOOLONG;
	fd = sock_connect(path);
	if (fd < 0)
		return fd;
	r = sock_peer(fd, &peer);
	if (r)
		return r;
	return peer.uid == geteuid() ? TAKE_FD(fd) : -EPERM;
}

static void add_dossier(struct json *json, const struct ask *ask)
{
	char key[32];

	json_open_object(json, "dossier");
	json_add_string(json, "asks", ask->kind->asks);
	json_add_string(json, "project", ask->project);
	json_add_string(json, "task", ask->task);
	if (*ask->container)
		json_add_string(json, ask->kind->by, ask->container);
	for (unsigned i = 0; i < ask->n; i++) {
		snprintf(key, sizeof(key), "refused_%u", i + 1);
		if (ask->reason[i])
			json_add_string(json, key, ask->reason[i]);
	}
	json_close_object(json);
}

static int tell(int fd, struct json *json)
{
	const char *text = json_done(json);
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return -ENOMEM;
	/* one line is less than a socket takes at once */
	if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n || send(fd, "\n", 1, MSG_NOSIGNAL) != 1)
		return -EPIPE;
	return 0;
}

static int tell_request(const struct asking *asking)
{
	_cleanup_json_ struct json json = {};
	char dest[DEST_MAX + 16], shown[DEST_MAX];

	snprintf(dest, sizeof(dest), "%.15s%s", asking->ask.kind->dest,
		 log_safe(shown, sizeof(shown), asking->ask.ref));
	json_open_object(&json, NULL);
	json_add_string(&json, "type", "pending");
	json_add_string(&json, "container", asking->place);
	json_add_string(&json, "id", asking->id);
	json_add_string(&json, "dest", dest);
	json_add_int(&json, "port", 0);
	json_add_int(&json, "proto", 0);
	add_dossier(&json, &asking->ask);
	json_close_object(&json);
	return tell(asking->readers, &json);
}

/* In the process that withdraws: it holds nothing of git's, which would wait for it. */
__attribute__((__noreturn__)) static void withdrawer(int from, int readers, struct json *json)
{
	char byte;
	pid_t pid = fork(); /* nobody's child, whom nobody has to wait for */

	if (pid)
		_exit(pid < 0);
	setsid(); /* who kills git's processes in their group does not mean it */
	if (chdir("/"))
		_exit(1);
	spawn_reset_signals();
	signal(SIGPIPE, SIG_IGN);
	if (dup2(from, 0) < 0 || dup2(readers, 1) < 0)
		_exit(1);
	close_range(2, ~0U, 0);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(tell(1, json) ? 1 : 0);
}

/* It says that the deed is over, when ours has closed its end of the pipe, by word or by death. */
static int leave_withdrawer(struct asking *asking)
{
	_cleanup_json_ struct json json = {};
	_cleanup_close_ int from = -1;
	int ends[2], status = 0;
	pid_t pid;

	json_open_object(&json, NULL);
	json_add_string(&json, "type", "container_exited");
	json_add_string(&json, "container", asking->place);
	json_add_string(&json, "reason", asking->ask.kind->over);
	json_close_object(&json);
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	from = ends[0];
	asking->alive = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		withdrawer(from, asking->readers, &json);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EAGAIN : 0;
}

/* --- asking --------------------------------------------------------------------------- */

static int name_it(struct asking *asking)
{
	const struct ask *ask = &asking->ask;
	uint8_t bytes[16];
	size_t n;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	n = (size_t)snprintf(asking->id, sizeof(asking->id), "%.15s", ask->kind->id);
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(asking->id + n + 2 * i, "%02x", bytes[i]);
	snprintf(asking->place, sizeof(asking->place), "%s:%s/%s#%.8s", ask->kind->who,
		 ask->project, ask->task, asking->id + n);
	return 0;
}

static void stop_listening(struct asking *asking)
{
	timer_disarm(&asking->late);
	source_del(&asking->source);
	terok_client_close(asking->client);
	asking->client = NULL;
}

/* The last of it: who is told may end it. */
static int over(struct asking *asking, int error, struct problem *why)
{
	stop_listening(asking);
	asking->done(error, !error && asking->answered && asking->allowed, why, asking->user);
	return 0;
}

static int on_late(struct timer *timer)
{
	struct asking *asking = container_of(timer, struct asking, late);
	struct problem why;

	if (!asking->subscribed)
		return over(
		    asking,
		    problem(&why, -ETIMEDOUT, "the hub at %s takes no subscription", asking->hub),
		    &why);
	if (!asking->open)
		return over(asking, problem(&why, -EPROTO, "the hub does not take the request"),
			    &why);
	problem(&why, 0, "refused: nobody answered; %s again to ask again",
		asking->ask.kind->again);
	return over(asking, 0, &why);
}

/* The hub listens to us: now it is told. */
static int put(struct asking *asking, struct problem *why)
{
	char path[256];

	asking->told = true;
	asking->readers = connect_to(&asking->ask, READERS, path, sizeof(path));
	if (asking->readers < 0)
		return problem(why, asking->readers, "no hub of this user's session listens at %s",
			       path);
	if (leave_withdrawer(asking))
		return problem(why, -EAGAIN, "no process for it");
	if (tell_request(asking))
		return problem(why, -EPIPE, "the hub does not take the request");
	timer_arm(asking->loop, &asking->late, now_boot_ns() + TAKEN_NS, on_late);
	return 0;
}

static int on_hub(struct source *source, uint32_t mask)
{
	struct asking *asking = container_of(source, struct asking, source);
	struct problem why = {};
	int r = terok_client_process(asking->client);

	(void)mask;
	if (asking->answered) {
		problem(&why, 0, "%s", asking->allowed ? "" : "refused: the operator said no");
		return over(asking, 0, &why);
	}
	if (r < 0 || asking->closed)
		return over(asking,
			    problem(&why, -EPIPE, "%s",
				    asking->open         ? "the hub went away"
				    : asking->subscribed ? "the hub does not take the request"
							 : "the hub takes no subscription"),
			    &why);
	if (asking->subscribed && !asking->told) {
		r = put(asking, &why);
		return r ? over(asking, r, &why) : 0;
	}
	if (asking->open && !asking->asked) {
		asking->asked = true;
		timer_arm(asking->loop, &asking->late,
			  now_boot_ns() + asking->ask.seconds * SECOND_NS, on_late);
	}
	return 0;
}

static int begin(struct asking *asking, struct problem *why)
{
	_cleanup_close_ int hub = connect_to(&asking->ask, HUB, asking->hub, sizeof(asking->hub));
	int r;

	if (hub < 0) /* whose it is is looked at before it is believed */
		return problem(why, hub, "no hub of this user's session answers at %s",
			       asking->hub);
	r = name_it(asking);
	r = r ?: terok_client_open(asking->hub, &events, asking, &asking->client);
	r = r ?: terok_client_monitor(asking->client, 0, false);
	r = r
		?: source_add(asking->loop, &asking->source, terok_client_fd(asking->client),
			      EPOLLIN, on_hub);
	if (r)
		return problem(why, r, "the hub at %s takes no subscription", asking->hub);
	timer_arm(asking->loop, &asking->late, now_boot_ns() + TAKEN_NS, on_late);
	return 0;
}

int ask_begin(struct loop *loop, const struct ask *ask, ask_fn done, void *user,
	      struct asking **ret, struct problem *why)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	int r;

	if (!asking)
		return problem(why, -ENOMEM, "no memory to ask");
	*asking = (struct asking){
		.ask = *ask, .loop = loop, .done = done, .user = user, .readers = -1, .alive = -1
	};
	r = begin(asking, why);
	if (r) {
		ask_end(asking);
		return r;
	}
	*ret = asking;
	return 0;
}

void ask_end(struct asking *asking)
{
	if (!asking)
		return;
	stop_listening(asking);
	closep(&asking->readers);
	closep(&asking->alive);
	free(asking);
}

/* --- and waiting ---------------------------------------------------------------------- */

struct wait {
	struct loop *loop;
	struct problem *why;
	int error;
	bool allowed;
};

static void on_done(int error, bool allowed, const struct problem *why, void *user)
{
	struct wait *wait = user;

	wait->error = error;
	wait->allowed = allowed;
	problem(wait->why, 0, "%s", why->text);
	loop_stop(wait->loop);
}

int ask_operator(const struct ask *ask, bool *ret, struct problem *why)
{
	struct wait wait = { .why = why };
	struct asking *asking = NULL;
	int r = loop_new(&wait.loop);

	if (r)
		return problem(why, r, "no loop to ask in");
	r = ask_begin(wait.loop, ask, on_done, &wait, &asking, why);
	r = r ?: loop_run(wait.loop);
	r = r ?: wait.error;
	ask_end(asking);
	loop_free(wait.loop);
	if (!r)
		*ret = wait.allowed;
	return r;
}
