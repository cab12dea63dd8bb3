// SPDX-License-Identifier: Apache-2.0
/*
 * test_grpc_tls.c - whom TLS takes in each of its ways, and what is known of who it was
 *
 * Each refusal has its control: the same with the one thing mended is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "base/addr.h"
#include "unit/grpc_pair.h"

#define DAY 86400

/* Up as those two, by that way of the client's; else the words are in now.why and now.refused. */
static bool meets(struct grpc_tls *server, struct grpc_tls *client)
{
	unsigned ups = now.ups, downs = now.downs;

	*now.why = *now.refused = '\0';
	grpc_channel_free(TAKE_PTR(now.channel));
	grpc_server_free(TAKE_PTR(now.server));
	grpc_tls_free(now.server_tls);
	grpc_tls_free(now.client_tls);
	now.server_tls = server;
	now.client_tls = client;
	serve();
	dial();
	for (int i = 0; i < 5000 && now.ups == ups && now.downs == downs; i++)
		turn_for(SECOND_NS / 1000);
	return now.ups > ups;
}

static struct grpc_tls *server(enum grpc_verify how, const char *name)
{
	return pki_tls(false, how, &now.ours, &now.ca, name);
}

static struct grpc_tls *client(const struct issued *as, enum grpc_verify how, const char *name)
{
	return pki_tls(true, how, as, &now.ca, name);
}

static void a_client_of_another_ca_is_refused(void **state)
{
	struct issued ca, other;

	(void)state;
	pki_issue(&ca, NULL, &(struct wanted){ .cn = "ca", .ca = true }); /* by the same name */
	pki_issue(&other, &ca, &(struct wanted){ .cn = "client", .eku = "clientAuth" });
	assert_true(meets(server(GRPC_VERIFY_CHAIN, NULL),
			  client(&now.theirs, GRPC_VERIFY_CHAIN, "server")));
	assert_false(
	    meets(server(GRPC_VERIFY_CHAIN, NULL), client(&other, GRPC_VERIFY_CHAIN, "server")));
	assert_non_null(strstr(now.refused, "certificate"));
	assert_non_null(strstr(now.why, "alert"));
	pki_done(&ca);
	pki_done(&other);
}

static void strict_wants_the_name_and_the_use(void **state)
{
	static const struct wanted wrong[] = {
		{ .cn = "clients", .eku = "clientAuth" },
		{ .cn = "clien", .eku = "clientAuth" },
		{ .cn = "client" },
		{ .cn = "client", .eku = "serverAuth" },
		{ .cn = "client", .eku = "clientAuth", .from_s = -2 * DAY, .to_s = -DAY },
		{ .cn = "client", .eku = "clientAuth", .from_s = DAY, .to_s = 2 * DAY },
	};
	struct issued other;

	(void)state;
	assert_true(meets(server(GRPC_VERIFY_STRICT, "client"),
			  client(&now.theirs, GRPC_VERIFY_CHAIN, "server")));
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pki_issue(&other, &now.ca, &wrong[i]);
		assert_false(meets(server(GRPC_VERIFY_STRICT, "client"),
				   client(&other, GRPC_VERIFY_CHAIN, "server")));
		pki_done(&other);
	}
}

static void a_server_of_another_name_is_refused(void **state)
{
	(void)state;
	assert_true(
	    meets(server(GRPC_VERIFY_CHAIN, NULL), client(&now.theirs, GRPC_VERIFY_CHAIN, NULL)));
	assert_false(meets(server(GRPC_VERIFY_CHAIN, NULL),
			   client(&now.theirs, GRPC_VERIFY_CHAIN, "serve")));
	assert_string_equal(now.why, "TLS: the peer's certificate: hostname mismatch");
}

static void capture_takes_whoever_it_is_and_says_why_not(void **state)
{
	static const uint8_t garbage[] = { 0x30, 0x82, 0x01, 0xff };
	static const struct {
		struct wanted as;
		bool foreign;
		const char *why;
	} row[] = {
		{ { .cn = "agent", .san = "URI:urn:a,URI:urn:b", .eku = "serverAuth" },
		  false,
		  NULL },
		{ { .cn = "agent", .san = "URI:urn:a" },
		  true,
		  "unable to get local issuer certificate" },
		{ { .cn = "agent", .san = "URI:urn:a", .from_s = -2 * DAY, .to_s = -DAY },
		  false,
		  "certificate has expired" },
		{ { .cn = "agent", .raw_san = garbage, .n_raw_san = sizeof(garbage) },
		  false,
		  "unable to get local issuer certificate" },
		{ { .cn = "agent", .san = "URI:urn:a", .eku = "clientAuth" },
		  false,
		  "unsuitable certificate purpose" },
	};
	struct issued foreign;

	(void)state;
	pki_issue(&foreign, NULL, &(struct wanted){ .cn = "foreign", .ca = true });
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct grpc_peer *peer;
		uint8_t digest[32];

		pki_done(&now.ours);
		pki_issue(&now.ours, row[i].foreign ? &foreign : &now.ca, &row[i].as);
		assert_true(meets(server(GRPC_VERIFY_CHAIN, NULL),
				  client(&now.theirs, GRPC_VERIFY_CAPTURE, NULL)));
		peer = grpc_channel_peer(now.channel);
		assert_true(peer->has_cert);
		assert_int_equal(X509_digest(now.ours.cert, EVP_sha256(), digest, NULL), 1);
		assert_memory_equal(peer->thumbprint, digest, sizeof(digest));
		assert_string_equal(peer->cn, "agent");
		assert_int_equal(peer->san_malformed, row[i].as.raw_san != NULL);
		assert_int_equal(peer->chain, !row[i].why);
		if (!peer->chain)
			assert_string_equal(peer->why_not, row[i].why);
		if (!row[i].as.raw_san)
			assert_string_equal(peer->uri[0], "urn:a");
	}
	pki_done(&foreign);
}

static void a_certificate_that_is_none_has_a_thumbprint(void **state)
{
	struct grpc_peer peer = {};
	uint8_t digest[32];

	(void)state;
	assert_int_equal(grpc_peer_read((const uint8_t *)"garbage", 7, &peer), -EINVAL);
	assert_int_equal(EVP_Digest("garbage", 7, digest, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(peer.thumbprint, digest, sizeof(digest));
	assert_false(peer.chain);
	assert_string_equal(peer.why_not, "not a certificate");
	grpc_peer_done(&peer);
}

static void names_with_a_nul_and_too_many_names_are_none(void **state)
{
	static const uint8_t nul[] = { 0x30, 0x06, 0x86, 0x04, 'u', 0, 'r', 'n' };
	char many[20 * (GRPC_URIS + 1)] = "URI:urn:0";
	struct grpc_peer peer = {}, copy = {};
	struct issued one;
	uint8_t *der = NULL;
	int n;

	(void)state;
	pki_issue(&one, NULL,
		  &(struct wanted){ .cn = "a", .raw_san = nul, .n_raw_san = sizeof(nul) });
	n = i2d_X509(one.cert, &der);
	assert_int_equal(grpc_peer_read(der, (size_t)n, &peer), 0);
	assert_true(peer.san_malformed);
	assert_int_equal(peer.n_uri, 0);
	OPENSSL_free(der);
	pki_done(&one);
	for (int i = 1; i <= GRPC_URIS; i++) {
		unsigned count = (unsigned)i + 1;

		snprintf(many + strlen(many), sizeof(many) - strlen(many), ",URI:urn:%d", i);
		if (count < GRPC_URIS)
			continue;
		der = NULL;
		grpc_peer_done(&peer);
		pki_issue(&one, NULL, &(struct wanted){ .cn = "a", .san = many });
		n = i2d_X509(one.cert, &der);
		assert_int_equal(grpc_peer_read(der, (size_t)n, &peer), 0);
		assert_int_equal(peer.san_malformed, count > GRPC_URIS);
		assert_int_equal(peer.n_uri, count > GRPC_URIS ? 0 : count);
		if (count == GRPC_URIS) {
			assert_int_equal(grpc_peer_copy(&peer, &copy), 0);
			assert_string_equal(copy.uri[15], "urn:15");
			grpc_peer_done(&copy);
		}
		OPENSSL_free(der);
		pki_done(&one);
	}
	grpc_peer_done(&peer);
}

static void a_key_that_is_not_the_certificates_is_said(void **state)
{
	struct grpc_tls_use how = { .cert = pki_in(now.ours.cert_pem),
				    .key = pki_in(now.theirs.key_pem),
				    .ca = pki_in(now.ca.cert_pem) };
	struct grpc_tls *tls = NULL;
	struct problem why;

	(void)state;
	assert_int_equal(grpc_tls_new(&how, &tls, &why), -EINVAL);
	assert_string_equal(why.text, "our key does not belong to the certificate");
	how.key = (struct grpc_pem){ .file = "/nowhere/key.pem" };
	assert_int_equal(grpc_tls_new(&how, &tls, &why), -ENOENT);
	assert_non_null(strstr(why.text, "/nowhere/key.pem"));
	how.key = pki_in(now.ours.key_pem);
	how.ca = pki_in("nothing");
	assert_int_equal(grpc_tls_new(&how, &tls, &why), -EINVAL);
	how.ca = pki_in(now.ca.cert_pem);
	assert_int_equal(grpc_tls_new(&how, &tls, &why), 0);
	grpc_tls_free(tls);
}

static void certificates_are_renewed_for_those_who_come_then(void **state)
{
	static struct heard heard;
	struct issued renewed;
	struct grpc_tls *tls;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	pki_issue(&renewed, &now.ca, &(struct wanted){ .cn = "renewed", .san = "DNS:server" });
	tls = pki_tls(false, GRPC_VERIFY_CHAIN, &renewed, &now.ca, NULL);
	grpc_server_tls(now.server, tls);
	grpc_tls_free(tls);
	pki_done(&renewed);
	assert_int_equal(grpc_send(heard.call, "x", 1), 0);
	await(&heard.messages, 1);
	grpc_channel_free(TAKE_PTR(now.channel));
	up();
	assert_string_equal(grpc_channel_peer(now.channel)->cn, "renewed");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_client_of_another_ca_is_refused),
		TEST(strict_wants_the_name_and_the_use),
		TEST(a_server_of_another_name_is_refused),
		TEST(capture_takes_whoever_it_is_and_says_why_not),
		TEST(a_certificate_that_is_none_has_a_thumbprint),
		TEST(names_with_a_nul_and_too_many_names_are_none),
		TEST(a_key_that_is_not_the_certificates_is_said),
		TEST(certificates_are_renewed_for_those_who_come_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
