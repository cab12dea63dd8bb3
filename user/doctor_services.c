// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_services.c - what may run beside the agent: git gate, credential proxy, signer
 *
 * They are programs of their own, at ports of the host's loopback. Who has not installed one does
 * not miss it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/knock.h"
#include "doctor.h"

#define GATE_PORT   9418
#define PROXY_PORT  18731
#define SIGNER_PORT 18732
#define ANSWER_MS   2000

/* Where `make install` and packages put programs. */
static bool is_installed(const char *program)
{
	static const char *const dirs[] = { "/usr/local/bin", "/usr/bin", "/usr/local/sbin",
					    "/usr/sbin" };
	char path[64];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* @path: what is asked by HTTP, and @begin how the answer begins; NULL: that it listens is enough */
static int service_ask(uint16_t port, const char *path, const char *begin)
{
	_cleanup_close_ int fd = -1;

	if (path)
		return knock_http(port, path, begin, ANSWER_MS);
	fd = knock_port(port, ANSWER_MS);
	return fd < 0 ? fd : 0;
}

static void check_service(struct doctor *doctor, const char *program, const char *unit,
			  uint16_t port, const char *path, const char *begin)
{
	int r = service_ask(port, path, begin);
	char fix[128];

	snprintf(fix, sizeof(fix), "systemctl --user restart %s; its log says why", unit);
	if (!r)
		doctor_say(doctor, VERDICT_OK, "", "port %u answers", port);
	else if (r == -ECONNREFUSED && !is_installed(program))
		doctor_say(doctor, VERDICT_OK, "", "not installed");
	else if (r == -EBADMSG || r == -EPIPE || r == -ECONNRESET)
		doctor_say(doctor, VERDICT_FAIL, fix,
			   "what listens at port %u is no %s, or is not well", port, unit);
	else
		doctor_say(doctor, VERDICT_FAIL, fix, "port %u does not answer: %s", port,
			   strerror(-r));
}

static void check_gate(struct doctor *doctor)
{
	check_service(doctor, "terok-gate", "terok-gate", GATE_PORT, "/", "HTTP/1.");
}

static void check_proxy(struct doctor *doctor)
{
	check_service(doctor, "terok-proxy", "terok-credential-proxy", PROXY_PORT, KNOCK_HEALTH,
		      KNOCK_GOOD);
}

/* A handshake that ends before it began is what it takes for a silent close. */
static void check_signer(struct doctor *doctor)
{
	check_service(doctor, "terok-proxy", "terok-credential-proxy", SIGNER_PORT, NULL, NULL);
}

const struct check doctor_services[] = {
	{ .name = "gate", .host = check_gate },
	{ .name = "proxy", .host = check_proxy },
	{ .name = "signer", .host = check_signer },
	{},
};
