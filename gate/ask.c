// SPDX-License-Identifier: Apache-2.0
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "terok/clearance.h"
#include "terok/push.h"

#define HUB       "terok-clearance.sock"
#define READERS   "terok-shield-events.sock"
#define TAKEN_NS  (5 * SECOND_NS) /* for the hub to subscribe us, and to tell our own request */
#define DEST_MAX  200             /* characters of a ref, as it is shown */
#define PLACE_MAX 200             /* bytes of a project, a task and a number */

/* One question. */
struct asking {
	const struct ask *ask;
	struct terok_client *client;
	char id[40], place[PLACE_MAX];
	bool subscribed, open, closed, answered, allowed;
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

/* Until @what is true. 0; -ETIMEDOUT; -EPIPE: the hub went away. */
static int wait_for(struct asking *asking, const bool *what, uint64_t until_ns)
{
	while (!*what) {
		struct pollfd fd = { .fd = terok_client_fd(asking->client), .events = POLLIN };
		uint64_t now = now_boot_ns(), left;

		if (asking->closed)
			return -EPIPE;
		if (now >= until_ns)
			return -ETIMEDOUT;
		left = (until_ns - now) / 1000000 + 1;
		if (poll(&fd, 1, left < INT_MAX ? (int)left : INT_MAX) < 0 && errno != EINTR)
			return -errno;
		if (fd.revents && terok_client_process(asking->client) < 0)
			return -EPIPE;
	}
	return 0;
}

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
	json_add_string(json, "asks", "a push to git, this once");
	json_add_string(json, "project", ask->project);
	json_add_string(json, "task", ask->task);
	if (*ask->container)
		json_add_string(json, "pushed_by", ask->container);
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

static int tell_request(const struct asking *asking, int fd)
{
	_cleanup_json_ struct json json = {};
	char dest[DEST_MAX + sizeof(TEROK_PUSH_DEST)], shown[DEST_MAX];

	snprintf(dest, sizeof(dest), TEROK_PUSH_DEST "%s",
		 log_safe(shown, sizeof(shown), asking->ask->ref));
	json_open_object(&json, NULL);
	json_add_string(&json, "type", "pending");
	json_add_string(&json, "container", asking->place);
	json_add_string(&json, "id", asking->id);
	json_add_string(&json, "dest", dest);
	json_add_int(&json, "port", 0);
	json_add_int(&json, "proto", 0);
	add_dossier(&json, asking->ask);
	json_close_object(&json);
	return tell(fd, &json);
}

/*
 * A process that says that the push is over, when ours has closed its end of the pipe, by word
 * or by death. It holds nothing of git's, which would wait for it.
 */
static int leave_withdrawer(const struct asking *asking, int readers, int *ret)
{
	_cleanup_json_ struct json json = {};
	_cleanup_close_ int from = -1, to = -1;
	int ends[2];
	pid_t pid;
	char byte;

	json_open_object(&json, NULL);
	json_add_string(&json, "type", "container_exited");
	json_add_string(&json, "container", asking->place);
	json_add_string(&json, "reason", "the push is over");
	json_close_object(&json);
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	from = ends[0];
	to = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		*ret = TAKE_FD(to);
		return 0;
	}
	setsid(); /* who kills git's processes in their group does not mean it */
	if (chdir("/"))
		_exit(1);
	signal(SIGPIPE, SIG_IGN);
	if (dup2(from, 0) < 0 || dup2(readers, 1) < 0)
		_exit(1);
	close_range(2, ~0U, 0);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(tell(1, &json) ? 1 : 0);
}

/* --- asking --------------------------------------------------------------------------- */

static int name_it(struct asking *asking)
{
	uint8_t bytes[16];
	char *at;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	at = stpcpy(asking->id, "push-");
	for (size_t i = 0; i < sizeof(bytes); i++)
		at += sprintf(at, "%02x", bytes[i]);
	snprintf(asking->place, sizeof(asking->place), "gate:%s/%s#%.8s", asking->ask->project,
		 asking->ask->task, asking->id + sizeof("push-") - 1);
	return 0;
}

static int begin(struct asking *asking, int *readers, struct problem *why)
{
	uint64_t until = now_boot_ns() + TAKEN_NS;
	char path[256];
	int hub = connect_to(asking->ask, HUB, path, sizeof(path)), r;

	if (hub < 0) /* whose it is is looked at before it is believed */
		return problem(why, hub, "no hub of this user's session answers at %s", path);
	close(hub);
	r = name_it(asking);
	r = r ?: terok_client_open(path, &events, asking, &asking->client);
	r = r ?: terok_client_monitor(asking->client, 0, false);
	r = r ?: wait_for(asking, &asking->subscribed, until);
	if (r)
		return problem(why, r, "the hub at %s takes no subscription", path);
	*readers = connect_to(asking->ask, READERS, path, sizeof(path));
	if (*readers < 0)
		return problem(why, *readers, "no hub of this user's session listens at %s", path);
	return 0;
}

static int put(struct asking *asking, int readers, struct problem *why)
{
	int r = tell_request(asking, readers);

	r = r ?: wait_for(asking, &asking->open, now_boot_ns() + TAKEN_NS);
	return r ? problem(why, r == -ETIMEDOUT ? -EPROTO : r, "the hub does not take the request")
		 : 0;
}

static int listen_for(struct asking *asking, bool *ret, struct problem *why)
{
	uint64_t until = now_boot_ns() + asking->ask->seconds * SECOND_NS;
	int r = wait_for(asking, &asking->answered, until);

	if (r && r != -ETIMEDOUT)
		return problem(why, r, "the hub went away");
	*ret = !r && asking->allowed;
	problem(why, 0,
		r ? "refused: nobody answered; push again to ask again"
		  : "refused: the operator said no");
	return 0;
}

int ask_operator(const struct ask *ask, bool *ret, struct problem *why)
{
	_cleanup_close_ int readers = -1, alive = -1;
	struct asking asking = { .ask = ask };
	bool allowed = false;
	int r = begin(&asking, &readers, why);

	if (!r && leave_withdrawer(&asking, readers, &alive))
		r = problem(why, -EAGAIN, "no process for it");
	r = r ?: put(&asking, readers, why);
	r = r ?: listen_for(&asking, &allowed, why);
	terok_client_close(asking.client);
	if (!r)
		*ret = allowed;
	return r;
}
