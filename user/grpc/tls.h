/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS 1.3 for HTTP/2: who we are, whom we take, and who the peer was
 *
 * Nothing older than TLS 1.3, nothing but "h2" by ALPN, no session is resumed: every connection
 * shows its certificate. How strict we are to the peer is one of four ways (enum grpc_verify).
 * Who it was is in struct grpc_peer, also where we took it without believing it.
 * Threads: none.
 */
#ifndef GRPC_TLS_H
#define GRPC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

struct grpc_tls;

#define GRPC_THUMBPRINT 32
#define GRPC_CN_MAX     256 /* bytes that we keep of one; X.509 has 64 */
#define GRPC_URIS       16  /* of one certificate; with more it is malformed */
#define GRPC_URI_MAX    1024

struct grpc_peer {
	uint8_t addr[16]; /* network order, IPv4 as ::ffff:a.b.c.d; all zero: no address */
	uint16_t port;    /* host order */
	bool has_cert;
	bool chain;                    /* it leads to our CA, today, for this purpose */
	bool client_auth, server_auth; /* the extended key usages that it names */
	bool cn_found;                 /* exactly one, without NUL, short enough */
	bool san_malformed;            /* its alternative names cannot be read: .uri is empty */
	uint8_t thumbprint[GRPC_THUMBPRINT]; /* SHA-256 over the DER */
	char cn[GRPC_CN_MAX + 1];
	char **uri; /* .n_uri URIs of the alternative names, in their order, without NUL inside */
	unsigned n_uri;
	int64_t from_s,
	    until_s;         /* .chain: when all of it holds, in seconds since 1970; both within */
	const char *why_not; /* if not .chain: in words, static */
};

/* What of the peer must be right for the handshake to succeed. */
enum grpc_verify {
	GRPC_VERIFY_CHAIN, /* a certificate that leads to our CA; a client also: .name in its SANs */
	GRPC_VERIFY_STRICT,  /* for a server: the same, its CN is .name, it names ClientAuth */
	GRPC_VERIFY_CAPTURE, /* nothing: struct grpc_peer says what was wrong */
};

/* PEM in a file, or in memory if .bytes is not NULL. */
struct grpc_pem {
	const char *file;
	const void *bytes;
	size_t n;
};

struct grpc_tls_use {
	bool client; /* we connect; else we listen */
	enum grpc_verify verify;
	struct grpc_pem cert; /* ours, then its intermediates */
	struct grpc_pem key;
	struct grpc_pem ca;
	const char *name; /* as .verify says; client: NULL: any name */
};

/**
 * grpc_tls_new() - everything is read now
 *
 * Return: 0; -ENOENT, -EACCES ... of a file; -EINVAL what cannot be read or does not belong
 * together; -ENOMEM; each with @why.
 */
int grpc_tls_new(const struct grpc_tls_use *use, struct grpc_tls **ret, struct problem *why);

/* Connections that are there go on. */
void grpc_tls_free(struct grpc_tls *tls);
DEFINE_CLEANUP(struct grpc_tls, grpc_tls_free)

/**
 * grpc_peer_read() - what a certificate's DER says, into an empty @ret
 *
 * Not .chain: it is not verified here. Return: 0; -EINVAL: no certificate (.thumbprint is there
 * nevertheless, .why_not says so); -ENOMEM.
 */
int grpc_peer_read(const uint8_t *der, size_t n, struct grpc_peer *ret);

/** grpc_peer_done() - free what is in it */
void grpc_peer_done(struct grpc_peer *peer);

/** grpc_peer_copy() - for whoever outlives the connection; 0 or -ENOMEM */
int grpc_peer_copy(const struct grpc_peer *peer, struct grpc_peer *ret);

#endif
