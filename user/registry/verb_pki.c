// SPDX-License-Identifier: Apache-2.0
/*
 * verb_pki.c - terok-cp pki init, issue, rotate, assert, show: who the parts of this house are to each other
 *
 * A private key is written to its file and never shown.
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "pki.h"
#include "verbs.h"

#define ALL_BUT_CA                                                                                 \
	((1U << CERT_SERVER) | (1U << CERT_CLI) | (1U << CERT_CLIENT) | (1U << CERT_ROLES_))
#define TEXT_MAX      512
#define ASSERT_LIFE_S 300

DEFINE_CLEANUP(BIO, BIO_free_all)

/* What people call them: bits as pki.h has them. */
static const char *const words[] = {
	[CERT_CA] = "ca",         [CERT_SERVER] = "server", [CERT_CLI] = "cli",
	[CERT_CLIENT] = "client", [CERT_AGENT] = NULL,      [CERT_ROLES_] = "assertion",
};

struct pki_wish {
	const char *folder, *project, *container, *out, *audience;
	bool json;
};

static int said(int r, const struct problem *why)
{
	if (r)
		log_error(0, "pki: %s", *why->text ? why->text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

static int print(struct json *json)
{
	const char *text = json_done(json);

	if (!text)
		return -ENOMEM;
	puts(text);
	return 0;
}

/* --- init, rotate ---------------------------------------------------------------------- */

static int show_made(const struct pki_wish *wish, const char *folder, unsigned made)
{
	_cleanup_json_ struct json json = {};

	if (!wish->json) {
		for (int i = 0; i <= CERT_ROLES_; i++)
			if (made & 1U << i)
				printf("%s\n", words[i]);
		return 0;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "folder", folder);
	json_open_array(&json, "made");
	for (int i = 0; i <= CERT_ROLES_; i++)
		if (made & 1U << i)
			json_add_string(&json, NULL, words[i]);
	json_close_array(&json);
	json_close_object(&json);
	return print(&json);
}

static int init(const struct pki_wish *wish, const char *folder, struct problem *why)
{
	unsigned made = 0;
	int r = pki_init(folder, time(NULL), &made, why);

	return r ?: show_made(wish, folder, made);
}

static int rotate(const struct pki_wish *wish, const char *folder, char **what, int n,
		  struct problem *why)
{
	unsigned bits = n ? 0 : ALL_BUT_CA, made = 0;
	int r;

	for (int i = 0; i < n; i++) {
		int role = 0;

		while (role <= CERT_ROLES_ && (!words[role] || strcmp(words[role], what[i])))
			role++;
		if (role > CERT_ROLES_)
			return problem(why, -EINVAL,
				       "%.40s: rotate takes ca, server, cli, client, assertion",
				       what[i]);
		bits |= 1U << role;
	}
	r = pki_rotate(folder, bits, time(NULL), &made, why);
	return r ?: show_made(wish, folder, made);
}

/* --- issue ----------------------------------------------------------------------------- */

static int issue(const struct pki_wish *wish, const char *folder, const char *agent,
		 struct problem *why)
{
	const struct cert_agent whom = { wish->project ?: "", agent, wish->container };
	_cleanup_json_ struct json json = {};
	_cleanup_pki_ struct pki pki = {};
	char hex[LEAF_HEX_LEN];
	struct leaf leaf;
	int r = pki_open(folder, &pki, why)
		    ?: pki_issue(&pki, &whom, wish->audience ?: ASSERTION_AUDIENCE, time(NULL),
				 wish->out, &leaf, why);

	if (r)
		return r;
	leaf_hex(leaf.thumbprint, hex);
	if (!wish->json) {
		puts(hex);
		return 0;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "agent", agent);
	json_add_string(&json, "project", whom.project);
	json_add_string(&json, "container_id", wish->container);
	json_add_string(&json, "full_name", leaf.agent);
	json_add_string(&json, "cert_thumbprint", hex);
	json_add_string(&json, "folder", wish->out);
	json_close_object(&json);
	return print(&json);
}

/* --- assert ---------------------------------------------------------------------------- */

/* For one call of people's program, soon: it goes into an environment or a pipe. */
static int assert_cli(const struct pki_wish *wish, const char *folder, struct problem *why)
{
	_cleanup_pki_ struct pki pki = {};
	_cleanup_cert_ struct cert cli = {};
	_cleanup_free_ char *token = NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	const struct assertion_wish say = { .client = AUTH_CLIENT_CLI,
					    .audience = wish->audience ?: ASSERTION_AUDIENCE,
					    .thumbprint = digest,
					    .now = time(NULL),
					    .life_s = ASSERT_LIFE_S };
	int r = pki_open(folder, &pki, why) ?: pki_read(folder, CERT_CLI, &cli, why);

	if (!r && X509_digest(cli.cert, EVP_sha256(), digest, NULL) != 1)
		r = problem(why, -EIO, "no thumbprint could be made");
	r = r ?: assertion_make(pki.signer, &say, &token, why);
	if (!r)
		puts(token);
	return r;
}

/* --- show ------------------------------------------------------------------------------ */

/* An extension as OpenSSL tells people of it; "" if it is not there. */
static void extension(const X509 *cert, int nid, char ret[static TEXT_MAX])
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	int at = X509_get_ext_by_NID(cert, nid, -1), n = 0;

	if (bio && at >= 0 && X509V3_EXT_print(bio, X509_get_ext(cert, at), 0, 0))
		n = BIO_read(bio, ret, TEXT_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
}

static void subject(const X509 *cert, char ret[static TEXT_MAX])
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(bio, ret, TEXT_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
}

static void serial(const X509 *cert, char ret[static TEXT_MAX])
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *text = number ? BN_bn2hex(number) : NULL;

	snprintf(ret, TEXT_MAX, "%s", text ?: "");
	OPENSSL_free(text);
	BN_free(number);
}

static int thumbprint(const X509 *cert, char ret[static LEAF_HEX_LEN])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (X509_digest(cert, EVP_sha256(), digest, NULL) != 1)
		return -EIO;
	leaf_hex(digest, ret);
	return 0;
}

static void day(char ret[static 24], time_t at)
{
	struct tm tm;

	strftime(ret, 24, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
}

static int show_one(const char *folder, enum cert_role role, struct json *json, struct problem *why)
{
	char name[TEXT_MAX], names[TEXT_MAX], usage[TEXT_MAX], purpose[TEXT_MAX], number[TEXT_MAX];
	_cleanup_cert_ struct cert cert = {};
	char hex[LEAF_HEX_LEN], from[24], until[24];
	int r = pki_read(folder, role, &cert, why) ?: thumbprint(cert.cert, hex);

	if (r)
		return r;
	subject(cert.cert, name);
	extension(cert.cert, NID_subject_alt_name, names);
	extension(cert.cert, NID_key_usage, usage);
	extension(cert.cert, NID_ext_key_usage, purpose);
	serial(cert.cert, number);
	day(from, cert_time(X509_get0_notBefore(cert.cert)));
	day(until, cert_time(X509_get0_notAfter(cert.cert)));
	if (!json) {
		printf("%-8s %s\n", words[role], name);
		printf("         %s to %s%s\n", from, until,
		       cert_time(X509_get0_notAfter(cert.cert)) <= time(NULL) ? " (over)" : "");
		printf("         %s%s%s\n", *purpose ? purpose : usage, *names ? "; " : "", names);
		printf("         %s\n", hex);
		return 0;
	}
	json_open_object(json, NULL);
	json_add_string(json, "role", words[role]);
	json_add_string(json, "file", pki_file(role));
	json_add_string(json, "subject", name);
	json_add_string(json, "names", names);
	json_add_string(json, "key_usage", usage);
	json_add_string(json, "extended_key_usage", purpose);
	json_add_string(json, "not_before", from);
	json_add_string(json, "not_after", until);
	json_add_string(json, "serial", number);
	json_add_string(json, "cert_thumbprint", hex);
	json_close_object(json);
	return 0;
}

static int show(const struct pki_wish *wish, const char *folder, struct problem *why)
{
	_cleanup_json_ struct json json = {};
	int r = 0;

	json_open_object(&json, NULL);
	json_add_string(&json, "folder", folder);
	json_open_array(&json, "certificates");
	for (enum cert_role role = CERT_CA; !r && role < CERT_ROLES_; role++)
		if (pki_file(role))
			r = show_one(folder, role, wish->json ? &json : NULL, why);
	json_close_array(&json);
	json_close_object(&json);
	return r ?: wish->json ? print(&json) : 0;
}

/* --- the verb -------------------------------------------------------------------------- */

static int wrong(const char *text)
{
	log_error(0, "pki: %s", text);
	return -EINVAL;
}

static int dispatch(const struct pki_wish *wish, const char *folder, char **word, int n)
{
	struct problem why = {};

	if (!strcmp(word[0], "issue")) {
		if (n != 2 || !wish->container || !wish->out)
			return wrong("issue needs AGENT, --container ID and --out DIR");
		return said(issue(wish, folder, word[1], &why), &why);
	}
	if (wish->project || wish->container || wish->out)
		return wrong("--project, --container and --out are issue's");
	if (!strcmp(word[0], "assert") && n == 1)
		return said(assert_cli(wish, folder, &why), &why);
	if (wish->audience)
		return wrong("--audience is issue's, and assert's");
	if (!strcmp(word[0], "rotate"))
		return said(rotate(wish, folder, word + 1, n - 1, &why), &why);
	if (n != 1)
		return wrong("init, assert and show take no more words");
	if (!strcmp(word[0], "init"))
		return said(init(wish, folder, &why), &why);
	if (!strcmp(word[0], "show"))
		return said(show(wish, folder, &why), &why);
	return wrong("init, issue, rotate, assert or show?");
}

int verb_pki(int argc, char **argv)
{
	struct pki_wish wish = {};
	_cleanup_free_ char *folder = NULL;
	const struct cli_option options[] = {
		{ "pki-dir", "DIR", "where the files are", CLI_STRING, &wish.folder },
		{ "project", "NAME", "of the agent; none if it is not said", CLI_STRING,
		  &wish.project },
		{ "container", "ID", "of the agent: lowercase hexadecimal digits", CLI_STRING,
		  &wish.container },
		{ "out", "DIR", "the agent's bundle, which is not there yet", CLI_STRING,
		  &wish.out },
		{ "audience", "URL", "whom the assertion is for", CLI_STRING, &wish.audience },
		{ "json", NULL, "one JSON object", CLI_FLAG, &wish.json },
		{},
	};
	int n = cli_parse(argc, argv, options, 1, 8);

	if (n < 0)
		return n;
	folder = pki_folder(wish.folder);
	if (!folder)
		return log_error(
		    -ENOMEM, "pki: where the files are is not known: no home; say --pki-dir DIR");
	return dispatch(&wish, folder, argv + 1, n);
}
