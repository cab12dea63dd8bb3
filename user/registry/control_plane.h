/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_plane.h - the control plane as user/service has it: its units, its names, where its files are,
 * and the options that serve has, which start and install take for it
 *
 * A user has one, of that user's containers, and root has one of root's, by units of the system.
 * Called by: the verbs that serve, install, start, stop and show. Threads: none (it reads the environment).
 */
#ifndef REGISTRY_CONTROL_PLANE_H
#define REGISTRY_CONTROL_PLANE_H

#include "base/cli.h"
#include "service/life.h"
#include "service/service.h"

#define CP_AGENT_PORT    7444
#define CP_ADMIN_PORT    7443
#define CP_LOOPBACK      "127.0.0.1"

#define CP_GUARD_AUTO    "auto" /* the kernel is asked where there is, or was, an agent */
#define CP_GUARD_REQUIRE "require"
#define CP_GUARD_OFF     "off"

#define CP_CONTAIN_BLOCK "block"   /* who is not trusted reaches nothing */
#define CP_DIAL_ADDRESS  "address" /* in podman's network */
#define CP_DIAL_INSIDE                                                                             \
	"inside" /* at its loopback, by a socket that the machine's agent made in it */
#define CP_CONTAIN_OFF "off"

extern const struct service cp_service;

/* What options say; NULL: the default. */
struct cp_said {
	const char *agent_bind, *agent_port, *admin_bind, *admin_port, *session_port;
	const char *plan, *socket, *pki, *db, *network, *audience, *introspect, *introspect_ca;
	const char *guard, *contain, *dial, *pid_file;
};

/* Those of serve; each is one of start and of install as well. */
#define CP_OPTIONS(said)                                                                           \
	{ "agent-bind", "ADDRESS", "where agents come in (127.0.0.1)", CLI_STRING,                 \
	  &(said).agent_bind },                                                                    \
	    { "agent-port", "N", "of it (7444)", CLI_STRING, &(said).agent_port },                 \
	    { "admin-bind", "ADDRESS", "where people's programs do (127.0.0.1)", CLI_STRING,       \
	      &(said).admin_bind },                                                                \
	    { "admin-port", "N", "of it (7443)", CLI_STRING, &(said).admin_port },                 \
	    { "session-port", "N", "where agents' peers listen (7700)", CLI_STRING,                \
	      &(said).session_port },                                                              \
	    { "plan", "FILE", "what runs before an agent starts", CLI_STRING, &(said).plan },      \
	    { "socket", "PATH", "of those who watch", CLI_STRING, &(said).socket },                \
	    { "pki-dir", "DIR", "certificates and keys", CLI_STRING, &(said).pki },                \
	    { "db", "FILE", "the registry", CLI_STRING, &(said).db },                              \
	    { "network", "NAME", "podman's, that agents are in (clawker-net)", CLI_STRING,         \
	      &(said).network },                                                                   \
	    { "guard", "MODE", "is the kernel asked who calls? auto, require, off", CLI_STRING,    \
	      &(said).guard },                                                                     \
	    { "contain", "HOW", "agents that are not trusted: block (the default), off",           \
	      CLI_STRING, &(said).contain },                                                       \
	    { "dial", "HOW", "agents: at their address, or inside their network", CLI_STRING,      \
	      &(said).dial },                                                                      \
	    { "audience", "URL", "whom assertions are for", CLI_STRING, &(said).audience },        \
	    { "introspect", "URL", "a server that knows tokens (RFC 7662)", CLI_STRING,            \
	      &(said).introspect },                                                                \
	{                                                                                          \
		"introspect-ca", "FILE", "who signed that server", CLI_STRING,                     \
		    &(said).introspect_ca                                                          \
	}

struct cp_ports {
	unsigned agent, admin, session;
};

/** cp_dials_inside() - as --dial says; a rootless container's address is not the host's to reach */
bool cp_dials_inside(const struct cp_said *said);

/** cp_ports_read() - of @said, and whether its options go together; -EINVAL, logged, for @verb */
int cp_ports_read(const struct cp_said *said, const char *verb, struct cp_ports *ret);

/* Absolute paths, but for what options have said. */
struct cp_files {
	char *pki, *db, *socket, *pid_file;
	char *plan, *introspect_ca; /* NULL: not said */
};

/** cp_files_find() - 0 and @ret, the caller's to cp_files_done(); -ENOENT no home, with @why */
int cp_files_find(const struct cp_said *said, struct cp_files *ret, struct problem *why);
void cp_files_done(struct cp_files *files);

/** cp_place() - life_place_find() with them; what it serves is the registry */
int cp_place(const struct cp_files *files, struct life_place *ret, struct problem *why);

/**
 * cp_prepare() - what it needs before it begins: folders; certificates must be there, and a plan be one
 * @files: a struct cp_files
 *
 * Return: 0; -ENOENT no certificates, or why not, with @why.
 */
int cp_prepare(const void *files, struct problem *why);

#define CP_WORDS 18

/* serve's command line, an option each: "--db=" and what is behind it. */
struct cp_words {
	struct cp_word {
		const char *begin, *value; /* borrowed of whom they were made of */
	} word[CP_WORDS];
	unsigned n;
	char agent_port[8], admin_port[8];
};

/** cp_words_make() - where things are, always; the rest, as far as it was said */
void cp_words_make(const struct cp_said *said, const struct cp_files *files,
		   const struct cp_ports *ports, struct cp_words *ret);

#define _cleanup_cp_files_ _cleanup_(cp_files_done)

#endif
