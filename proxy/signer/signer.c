// SPDX-License-Identifier: Apache-2.0
#include "signer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/log.h"
#include "folders.h"
#include "keys_json.h"
#include "link.h"
#include "proxy/store/keys.h"
#include "proxy/store/ssh_key.h"
#include "session.h"

#define BUCKETS 256

struct client {
	struct client *next;
	uint64_t id;
	struct session *session;
	uint32_t number; /* of what a person is asked; 0: nothing */
	uint8_t *message;
	size_t size;
};

struct signer {
	struct loop *loop;
	struct link link;
	struct signing signing;
	struct keys_options keys;
	struct folders folders;
	struct client *client[BUCKETS];
	unsigned n;
	uint32_t asked;
	uint64_t told_ns; /* when it was last said that the store is locked */
	bool stale;       /* a key lies where this process may not look */
};

/* --- sessions ------------------------------------------------------------------------- */

static struct client **place_of(struct signer *signer, uint64_t id)
{
	struct client **at = &signer->client[id % BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void forget_message(struct client *client)
{
	free(client->message);
	client->message = NULL;
	client->size = 0;
	client->number = 0;
}

static void client_free(struct signer *signer, struct client **at)
{
	struct client *client = *at;

	*at = client->next;
	forget_message(client);
	session_free(client->session);
	free(client);
	signer->n--;
}

static void clean(char *text, size_t size)
{
	text[size - 1] = '\0';
}

static int on_open(struct signer *signer, uint64_t id, struct span payload)
{
	struct word_opened told = {};
	struct client *client, **at = place_of(signer, id);
	struct word_open who;
	struct wire wire = wire_begin(payload);
	struct span head = wire_bytes(&wire, sizeof(who));

	if (wire.bad || *at || wire.left > TOKEN_TEXT_MAX)
		return -EPROTO;
	memcpy(&who, head.at, sizeof(who));
	clean(who.project, sizeof(who.project));
	clean(who.container, sizeof(who.container));
	clean(who.name, sizeof(who.name));
	clean(who.peer, sizeof(who.peer));
	client = signer->n < SIGNER_SESSIONS ? calloc(1, sizeof(*client)) : NULL;
	signer->stale = false;
	if (!client) {
		told.result = -ENOMEM;
	} else if (!session_open(&signer->signing, &who, wire_bytes(&wire, wire.left),
				 &client->session, &told)) {
		client->id = id;
		*at = client;
		signer->n++;
	} else {
		free(client);
	}
	/* another signer would have all the keys */
	if (signer->stale && (!told.result || told.result == -ENOKEY)) {
		if (*at)
			client_free(signer, at);
		told.result = -ESTALE;
	}
	return link_say(&signer->link, WORD_OPENED, id, span_of(&told, sizeof(told)),
			(struct span){});
}

static int reply(struct signer *signer, const struct client *client, const struct wire_out *out)
{
	return link_say(&signer->link, WORD_REPLY, client->id, wire_out_span(out), (struct span){});
}

static int on_frame(struct signer *signer, struct client *client, struct span message)
{
	_cleanup_wire_ struct wire_out out = {};
	struct word_confirm ask;
	int r;

	if (client->number || message.n > AGENT_FRAME_MAX)
		return -EPROTO;
	r = session_message(client->session, message, false, &out, &ask);
	if (r < 0)
		return r;
	if (!r)
		return reply(signer, client, &out);
	client->message = malloc(message.n);
	if (!client->message)
		return -ENOMEM;
	memcpy(client->message, message.at, message.n);
	client->size = message.n;
	signer->asked += signer->asked == UINT32_MAX ? 2 : 1;
	ask.number = client->number = signer->asked;
	return link_say(&signer->link, WORD_CONFIRM, client->id, span_of(&ask, sizeof(ask)),
			(struct span){});
}

/* What was asked is looked at anew: meanwhile a token may have been revoked. */
static int on_answer(struct signer *signer, struct client *client, struct span payload)
{
	_cleanup_wire_ struct wire_out out = {};
	struct word_confirm ask;
	struct word_answer answer;
	struct span message;
	int r;

	if (payload.n != sizeof(answer))
		return -EPROTO;
	memcpy(&answer, payload.at, sizeof(answer));
	clean(answer.problem, sizeof(answer.problem));
	if (!client || !client->number || client->number != answer.number)
		return 0; /* it was withdrawn meanwhile */
	message = span_of(client->message, client->size);
	if (answer.result == CONFIRM_YES)
		r = session_message(client->session, message, true, &out, &ask);
	else
		r = session_refuse(client->session, message,
				   *answer.problem ? answer.problem : "nobody confirmed it", &out);
	forget_message(client);
	return r < 0 ? r : reply(signer, client, &out);
}

static int on_close(struct signer *signer, struct client **at)
{
	struct word_answer gone = { .number = (*at)->number };
	uint64_t id = (*at)->id;

	client_free(signer, at);
	return gone.number ? link_say(&signer->link, WORD_WITHDRAW, id,
				      span_of(&gone, sizeof(gone)), (struct span){})
			   : 0;
}

/* --- the list of projects ------------------------------------------------------------- */

static int tell_project(const char *project, void *user)
{
	struct signer *signer = user;
	char name[WORD_LABEL] = "";

	if (store_name_check("project", project, NULL) && *project)
		return 0;
	strncpy(name, project, sizeof(name) - 1);
	return link_say(&signer->link, WORD_PROJECT, 0, span_of(name, sizeof(name)),
			(struct span){});
}

static int tell_row(const struct ssh_key *key, void *user)
{
	return key->project ? tell_project(key->project, user) : 0;
}

static int on_list(struct signer *signer)
{
	struct problem why;
	int r = 0;

	if (signer->signing.local && signer->signing.rings.json)
		r = keys_json_each(signer->signing.rings.json, tell_project, signer, &why);
	if (!r && signer->signing.local)
		r = ssh_key_each(signer->signing.store, NULL, tell_row, signer, &why);
	if (r < 0) { /* without its end nobody takes what is missing for what has gone */
		log_error(0, "%s", why.text);
		return 0;
	}
	return tell_project("", signer);
}

/* --- the front ------------------------------------------------------------------------ */

static int on_word(struct link *link, const struct word *word, struct span payload)
{
	struct signer *signer = container_of(link, struct signer, link);
	struct client **at = place_of(signer, word->session);

	switch (word->type) {
	case WORD_OPEN: return on_open(signer, word->session, payload);
	case WORD_FRAME: return *at ? on_frame(signer, *at, payload) : -EPROTO;
	case WORD_ANSWER: return on_answer(signer, *at, payload);
	case WORD_CLOSE: return *at ? on_close(signer, at) : 0;
	case WORD_LIST: return on_list(signer);
	default: return -EPROTO;
	}
}

static void on_end(struct link *link, int error)
{
	struct signer *signer = container_of(link, struct signer, link);

	if (error)
		log_error(error, "the front said what is no word of ours, or there is no memory");
	loop_stop(signer->loop);
}

/* --- the whole ------------------------------------------------------------------------ */

static void unlock(struct keyrings *rings)
{
	struct signer *signer = container_of(rings, struct signer, signing.rings);
	struct problem why;
	int r = store_locked(rings->store, STORE_SSH)
		    ? keys_unlock(rings->store, &signer->keys, 1 << STORE_SSH, &why)
		    : 0;

	if (r && r != -ENOKEY && signer->told_ns && now_boot_ns() - signer->told_ns < SECOND_NS)
		return;
	signer->told_ns = r ? now_boot_ns() : 0;
	if (r && r != -ENOKEY) /* nor is anything in a store that never had a key */
		log_warn(0, "keys in the store are locked: %s", why.text);
}

static void denied(struct keyrings *rings, const char *path)
{
	struct signer *signer = container_of(rings, struct signer, signing.rings);

	signer->stale |= folders_lack(&signer->folders, path);
}

static int begin(struct signer *signer, const struct signer_options *options, int fd,
		 struct problem *why)
{
	enum { KEY_FILE };
	const char *files[] = {
		[KEY_FILE] = options->key_file, options->store, options->keys_file, options->audit
	};
	_cleanup_free_ char *apart = NULL;
	int r = store_open(options->store, STORE_WRITE, &signer->signing.store, why);

	if (r)
		return r;
	signer->signing.refusals.audit = options->audit;
	signer->signing.local = options->local;
	signer->signing.rings = (struct keyrings){ .json = options->keys_file,
						   .store = signer->signing.store,
						   .unlock = unlock,
						   .denied = denied };
	signer->keys.file = options->key_file;
	signer->keys.passphrase_file = options->passphrase_file;
	unlock(&signer->signing.rings);
	if (!options->key_file) /* one that is made later is there */
		files[KEY_FILE] = apart = keys_file_apart(signer->signing.store);
	folders_find(&signer->folders, options->keys_file);
	r = loop_new(&signer->loop);
	signer->signing.refusals.loop = signer->loop;
	if (!r) {
		signer->link = (struct link){ .fd = -1, .said = on_word, .ended = on_end };
		r = link_begin(signer->loop, &signer->link, fd);
	}
	if (r)
		return problem(why, r, "speak to the front: %s", strerror(-r));
	return folders_confine(&signer->folders, files, sizeof(files) / sizeof(*files), why);
}

int signer_run(const struct signer_options *options, int fd, struct problem *why)
{
	struct signer signer = { .link = LINK_NONE };
	int r = begin(&signer, options, fd, why);

	if (!r)
		r = loop_run(signer.loop);
	for (unsigned i = 0; i < BUCKETS; i++)
		while (signer.client[i])
			client_free(&signer, &signer.client[i]);
	refusals_end(&signer.signing.refusals);
	link_done(&signer.link);
	keyrings_done(&signer.signing.rings);
	store_free(signer.signing.store);
	folders_done(&signer.folders);
	loop_free(signer.loop);
	return r;
}
