/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - what the front (the process that clients come to) and the signer say to each other
 *
 * Over a stream pair: a struct word, then its payload. The front opens a session for each client,
 * hands on what that client says, one agent message at a time, and gets one back for each; it is
 * not believed in anything that matters: who a token is for the signer looks up itself. What
 * is confirmed by a person is asked by the front, by number. Who breaks this is ended. Host byte
 * order: both are one machine's. Threads: none.
 */
#ifndef SIGNER_WORDS_H
#define SIGNER_WORDS_H

#include <stdint.h>

#include "proxy/store/store.h"

#define SIGNER_PROGRAM  "terok-signer"
#define WORDS_FD        3      /* the signer's end */
#define AGENT_FRAME_MAX 262144 /* bytes of one agent message, without its length */
/* Types of agent messages. */
#define AGENT_FAILURE   5
#define AGENT_SUCCESS   6
#define AGENT_LIST      11
#define AGENT_LISTED    12
#define AGENT_SIGN      13
#define AGENT_SIGNED    14
#define AGENT_EXTENSION 27

#define TOKEN_TEXT_MAX  1024 /* bytes of a handshake's token */
#define WORD_PAYLOAD    (AGENT_FRAME_MAX + 4096)
#define WORD_LABEL      129 /* bytes of a name for people, and a NUL */
#define WORD_PROBLEM    192
#define WORD_SHOWN      512

enum word_type {
	WORD_NONE,
	/* front to signer */
	WORD_OPEN,   /* struct word_open, and the token's text */
	WORD_FRAME,  /* an agent message: its type and contents */
	WORD_CLOSE,  /* the client has gone */
	WORD_ANSWER, /* struct word_answer */
	WORD_LIST,   /* which projects have keys? */
	/* signer to front */
	WORD_OPENED,   /* struct word_opened */
	WORD_REPLY,    /* an agent message */
	WORD_CONFIRM,  /* struct word_confirm */
	WORD_WITHDRAW, /* struct word_answer: that one is asked no more */
	WORD_PROJECT,  /* one of the list: its name, WORD_LABEL bytes; an empty one ends it */
	WORD_TYPES_,
};

struct word {
	uint32_t size; /* of the payload */
	uint32_t type;
	uint64_t session; /* the front's number; 0: of none */
};

/* Who has come: by a token, or by the socket of a project on the host, without one. */
struct word_open {
	char project[STORE_NAME_SIZE]; /* "": the token's; else it must be the token's */
	char container[WORD_LABEL];    /* whose own listener it came by; "": everybody's */
	char name[WORD_LABEL];         /* how that container is called; "" */
	char peer[WORD_LABEL];         /* who it is for people: a process of the host */
	uint32_t local;                /* 1: without a token */
};

/* -ESTALE: there are folders of keys that this signer may not look into: begin another. */
struct word_opened {
	int32_t result;
	char project[STORE_NAME_SIZE], task[STORE_NAME_SIZE];
	char problem[WORD_PROBLEM]; /* of a result that is none */
};

struct word_confirm {
	uint32_t number;
	char project[STORE_NAME_SIZE], task[STORE_NAME_SIZE], container[WORD_LABEL];
	char key[WORD_SHOWN];  /* its comment and fingerprint */
	char what[WORD_SHOWN]; /* what would be signed */
};

#define CONFIRM_NO  0
#define CONFIRM_YES 1

struct word_answer {
	uint32_t number;
	int32_t result; /* CONFIRM_*; negative errno: nobody could be asked */
	char problem[WORD_PROBLEM];
};

#endif
