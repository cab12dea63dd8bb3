/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_doors.h - the ways in and out of the networks of the user's guarded containers
 *
 * A rootless container's connections have an address of the host's, which is everybody's: by address
 * nobody of them is found. Within the container it comes in at 127.0.0.1 port CONTROL_PORT_REGISTRY,
 * by a listener that the agent opened in that container's own network and handed over
 * (service/doors.h); so which container it is is known before it says a word. What the labels of that
 * container say, its certificate and its request are compared as of everybody.
 *
 * Nor is a rootless container's address to be reached from the host. The agent hands over a socket that
 * was made in the container's network as well, one for each dial, which reaches the container's loopback.
 *
 * Owns: a gRPC server and an admission for each, and a socket that nobody has dialled with yet. Called by: serve. Threads: none.
 */
#ifndef REGISTRY_AGENT_DOORS_H
#define REGISTRY_AGENT_DOORS_H

#include "admission.h"
#include "grpc/server.h"

struct agent_doors;

struct agent_doors_use {
	struct loop *loop;
	struct admission_use admission; /* each door has one like it, with its container */
	struct grpc_server_use server;  /* and its user is that */
	struct grpc_limits limits;
	bool dial;                  /* agent_doors_socket() is called */
	const struct grpc_tls *tls; /* borrowed until agent_doors_tls() says another */
};

/** agent_doors_new() - from now on. What @use names is borrowed. Return: 0, or as doors_new() */
int agent_doors_new(const struct agent_doors_use *use, struct agent_doors **ret);

/** agent_doors_tls() - for who comes from now on: certificates were renewed */
void agent_doors_tls(struct agent_doors *doors, const struct grpc_tls *tls);

/** agent_doors_cut() - who has come in has to come again; @why is told */
void agent_doors_cut(struct agent_doors *doors, const char *why);

/**
 * agent_doors_socket() - one in that container's network, not connected, the caller's
 *
 * Return: it; -ENOENT: there is none, or not yet, or no listener: no guard, no network of its own, no agent.
 */
int agent_doors_socket(struct agent_doors *doors, const char *container);

/** agent_doors_free() - all are closed, and who has come in is cut off. NULL: nothing */
void agent_doors_free(struct agent_doors *doors);

#endif
