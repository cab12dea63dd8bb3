// SPDX-License-Identifier: Apache-2.0
#include "bearer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "hosts.h"
#include "serve.h"

#define REPLY_MAX (32 << 10)
#define LETTERS   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

struct bearer {
	struct loop *loop;
	struct reaped child;
	struct source source;
	int fd;
	bearer_fn fn;
	void *user;
	char said[BEARER_MAX + 512]; /* by the child: a letter, then the token or why not */
	size_t n;
};

/* --- bytes --- */

struct answer {
	char token[BEARER_MAX + 1], type[32], error[64];
	bool twice; /* a member that decides is there more than once */
};

static void member_take(const struct json_span *value, char *to, size_t size, bool *twice)
{
	*twice = *twice || *to;
	if (value->type == json_type_string && value->n < size)
		to[json_span_text(value, to, size - 1)] = '\0';
}

static void on_member(const struct json_span *key, const struct json_span *value, void *user)
{
	struct answer *answer = user;

	if (json_span_is(key, "access_token"))
		member_take(value, answer->token, sizeof(answer->token), &answer->twice);
	else if (json_span_is(key, "token_type"))
		member_take(value, answer->type, sizeof(answer->type), &answer->twice);
	else if (json_span_is(key, "error"))
		member_take(value, answer->error, sizeof(answer->error), &answer->twice);
}

/* The status of "HTTP/1.x NNN ..."; 0: it is no reply. */
static int status_of(const char *bytes, size_t n)
{
	if (n < 13 || strncmp(bytes, "HTTP/1.", 7) != 0 || bytes[8] != ' ' ||
	    (bytes[12] != ' ' && bytes[12] != '\r'))
		return 0;
	for (int i = 9; i < 12; i++)
		if (bytes[i] < '0' || bytes[i] > '9')
			return 0;
	return (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + bytes[11] - '0';
}

/* We spoke HTTP/1.0 and read to the end: a body in chunks was not asked for, and is no JSON. */
int bearer_reply(const char *bytes, size_t n, char *token, struct problem *why)
{
	const char *body = memmem(bytes, n, "\r\n\r\n", 4);
	struct answer answer = {};
	int status = status_of(bytes, n);
	bool json;

	if (!status || !body)
		return problem(why, -EBADMSG, "the token server's reply is no HTTP");
	body += 4;
	json = !json_scan(body, n - (body - bytes), on_member, &answer);
	if (status != 200) {
		char safe[sizeof(answer.error)];

		return problem(why, -EACCES, "the token server says %d %s", status,
			       json ? log_safe(safe, sizeof(safe), answer.error) : "");
	}
	if (!json || answer.twice || !*answer.token)
		return problem(why, -EBADMSG, "the token server's reply has no access_token");
	if (strcasecmp(answer.type, "bearer") != 0)
		return problem(why, -EBADMSG, "the token server's token_type is not Bearer");
	if (answer.token[strspn(answer.token, LETTERS)])
		return problem(why, -EBADMSG, "the token server's token cannot be sent");
	strcpy(token, answer.token);
	return 0;
}

/* --- the child --- */

/* HOST:PORT of "https://HOST[:PORT][/]". */
static int url_split(const char *url, char *host, size_t size, struct problem *why)
{
	static const char scheme[] = "https://";
	size_t n;

	if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return problem(why, -EINVAL, "'%.60s' does not begin with https://", url);
	url += sizeof(scheme) - 1;
	n = strcspn(url, "/?#@");
	if (!n || n + 5 >= size || (url[n] && strcmp(url + n, "/") != 0))
		return problem(why, -EINVAL, "'%.60s' is no https://HOST:PORT", url);
	snprintf(host, size, "%.*s", (int)n, url);
	if (!strrchr(host, ':') || (*host == '[' && host[n - 1] == ']'))
		strcat(host, ":443");
	return 0;
}

static SSL_CTX *tls_of(const struct bootstrap *bootstrap)
{
	BIO *cert = BIO_new_mem_buf(bootstrap->cert.bytes, bootstrap->cert.n);
	BIO *key = BIO_new_mem_buf(bootstrap->key.bytes, bootstrap->key.n);
	BIO *ca = BIO_new_mem_buf(bootstrap->ca.bytes, bootstrap->ca.n);
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	X509 *x;

	SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	while ((x = PEM_read_bio_X509(ca, NULL, NULL, NULL)))
		X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), x);
	x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	if (!x || SSL_CTX_use_certificate(tls, x) != 1 ||
	    SSL_CTX_use_PrivateKey(tls, PEM_read_bio_PrivateKey(key, NULL, NULL, NULL)) != 1)
		return NULL;
	return tls; /* freed with the child, and so is the rest */
}

static const char *exchange(const struct sockaddr *addr, socklen_t size, const char *host,
			    const struct bootstrap *bootstrap, char *reply, size_t *ret)
{
	_cleanup_free_ char *request = NULL, *body = NULL;
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
	SSL_CTX *context = tls_of(bootstrap);
	SSL *tls = context ? SSL_new(context) : NULL;

	if (!tls || fd < 0 || SSL_set1_host(tls, SERVE_PEER) != 1 ||
	    SSL_set_tlsext_host_name(tls, SERVE_PEER) != 1 || SSL_set_fd(tls, fd) != 1)
		return "TLS does not begin";
	if (connect(fd, addr, size))
		return strerror(errno);
	if (SSL_connect(tls) != 1)
		return "it is not who it should be, or takes us for nobody";
	if (asprintf(&body,
		     "grant_type=client_credentials&scope=agent%%3Aself%%3Aregister"
		     "&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3A"
		     "client-assertion-type%%3Ajwt-bearer&client_assertion=%s",
		     bootstrap->assertion.bytes) < 0 ||
	    (n = asprintf(&request,
			  "POST /oauth2/token HTTP/1.0\r\nHost: %s\r\n"
			  "Content-Type: application/x-www-form-urlencoded\r\n"
			  "Accept: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			  host, strlen(body), body)) < 0)
		return "no memory";
	if (SSL_write(tls, request, n) != n)
		return "it does not take the request";
	while (*ret < REPLY_MAX && (n = SSL_read(tls, reply + *ret, REPLY_MAX - *ret)) > 0)
		*ret += n;
	return *ret ? NULL : "it does not answer";
}

static _Noreturn void child(const struct sockaddr *addr, socklen_t size, const char *host,
			    const struct bootstrap *bootstrap, int said)
{
	static char reply[REPLY_MAX], token[BEARER_MAX + 1];
	struct problem why = {};
	const char *failed;
	sigset_t none;
	size_t n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(BEARER_S);
	failed = exchange(addr, size, host, bootstrap, reply, &n);
	if (failed)
		dprintf(said, "-the token server at %s: %s", host, failed);
	else if (bearer_reply(reply, n, token, &why))
		dprintf(said, "!%s", why.text);
	else
		dprintf(said, "+%s", token);
	_exit(0);
}

/* --- ours --- */

void bearer_free(struct bearer *token)
{
	if (!token)
		return;
	source_del(&token->source);
	closep(&token->fd);
	if (token->child.pid)
		kill(token->child.pid, SIGKILL);
	reaper_release(&token->child); /* an orphan, if it has not ended */
	explicit_bzero(token->said, sizeof(token->said));
	free(token);
}

static void on_child_ended(struct reaped *child)
{
	(void)child; /* the end of what it says is its end */
}

static int on_said(struct source *source, uint32_t events)
{
	struct bearer *token = container_of(source, struct bearer, source);
	ssize_t n = read(token->fd, token->said + token->n, sizeof(token->said) - 1 - token->n);
	const char *text = token->said + 1;

	(void)events;
	if (n > 0 && (token->n += n) < sizeof(token->said) - 1)
		return 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	source_del(&token->source);
	token->said[token->n] = '\0';
	if (token->said[0] == '+')
		token->fn(token->user, text, NULL, true);
	else if (token->said[0])
		token->fn(token->user, NULL, text, token->said[0] == '!');
	else
		token->fn(token->user, NULL, "the token server was too slow", false);
	return 0;
}

int bearer_new(struct loop *loop, struct reaper *reaper, const char *url,
	       const struct bootstrap *bootstrap, bearer_fn fn, void *user, struct bearer **ret,
	       struct problem *why)
{
	struct sockaddr_storage addr;
	struct bearer *token;
	char host[300];
	socklen_t size;
	int said[2], r = url_split(url, host, sizeof(host), why);
	pid_t pid;

	if (!r)
		r = hosts_find(host, &addr, &size, why);
	if (r)
		return r;
	token = calloc(1, sizeof(*token));
	if (!token || pipe2(said, O_CLOEXEC | O_NONBLOCK)) {
		free(token);
		return problem(why, -ENOMEM, "a pipe: %s", strerror(errno));
	}
	*token = (struct bearer){ .loop = loop, .fd = said[0], .fn = fn, .user = user };
	r = source_add(loop, &token->source, said[0], EPOLLIN, on_said);
	pid = r ? r : fork();
	if (!pid)
		child((struct sockaddr *)&addr, size, host, bootstrap, said[1]);
	close(said[1]);
	r = pid < 0 ? -EAGAIN : reaper_watch(reaper, &token->child, pid, on_child_ended);
	if (r) {
		bearer_free(token);
		return problem(why, r, "a child for the token: %s", strerror(-r));
	}
	*ret = token;
	return 0;
}
