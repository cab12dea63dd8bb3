/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - a session bus of the test's own, and a client of org.terok.Shield1 on it
 *
 * The client finds containers as those that exist do: names by ListNames and NameOwnerChanged,
 * signals by a match without a sender. It keeps what it sees. Every call fails the running test on error.
 */
#ifndef TESTS_BUS_H
#define TESTS_BUS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define SHIELD      "org.terok.Shield1"
#define SHIELD_PATH "/org/terok/Shield1"

/** bus_daemon_start() - dbus-daemon in that folder; it is in DBUS_SESSION_BUS_ADDRESS then */
void bus_daemon_start(const char *folder);
void bus_daemon_end(void);

/** bus_daemon_stop() - it reads nothing until it is told to go on */
void bus_daemon_stop(bool stop);

struct bus_signal {
	char sender[24], member[32], signature[16];
	char container[264], dest[256], domain[256], request_id[264], action[16];
	uint16_t port, proto;
	int ok;
};

struct bus_name {
	char name[64], owner[24]; /* owner "": nobody's */
};

struct bus_client {
	sd_bus *bus;
	struct bus_signal signals[1024]; /* as they came */
	unsigned n_signals;
	struct bus_name names[640];
	unsigned n_names;
};

/** bus_client_open() - subscribe; @sender: only to signals of that name's owner; NULL: all */
void bus_client_open(struct bus_client *client, const char *sender);
void bus_client_close(struct bus_client *client);

/** bus_client_serve() - take what has come to a struct bus_client, without waiting */
void bus_client_serve(void *client);

/** bus_owner() - of the container whose name ends so; NULL: nobody */
const char *bus_owner(const struct bus_client *client, const char *key);

/* A call of Verdict. ok -1: no reply yet, -2: an error. */
struct bus_call {
	int ok;
	unsigned n_signals; /* that had come before the reply */
	struct bus_client *client;
};
void bus_verdict(struct bus_client *client, struct bus_call *call, const char *to,
		 const char *request_id, const char *action);

#endif
