// SPDX-License-Identifier: Apache-2.0
/* test_registry_pki.c - user/registry/: certificates, their files, an agent's bundle */
#include "registry_box.h"

#include <dirent.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "user/registry/pki.h"

#define NOW 1800000000
#define ID  "0123456789abcdef"

static struct pki pki;
static unsigned made;

static const char *folder(void)
{
	return in_box("pki");
}

static int setup(void **state)
{
	(void)state;
	if (box_make())
		return -1;
	return pki_init(folder(), NOW, &made, &why) ?: pki_open(folder(), &pki, &why);
}

static int teardown(void **state)
{
	(void)state;
	pki_done(&pki);
	return box_remove();
}

static int make_agent(const char *project, const char *agent, const char *container,
		      struct cert *ret)
{
	const struct cert_agent whom = { project, agent, container };

	return cert_make(CERT_AGENT, &pki.ca, &whom, NOW, ret, &why);
}

static void leaf_of(X509 *cert, struct leaf *ret)
{
	_cleanup_free_ uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);

	assert_true(n > 0);
	assert_int_equal(leaf_read(der, n, ret), 0);
}

static void an_agents_leaf_has_its_cn_both_uris_and_both_purposes(void **state)
{
	_cleanup_cert_ struct cert cert = {};
	struct leaf leaf;

	(void)state;
	assert_int_equal(make_agent("proj", "dev", ID, &cert), 0);
	leaf_of(cert.cert, &leaf);
	assert_string_equal(leaf.cn, "clawker-clawkerd");
	assert_int_equal(leaf.agent_san, SAN_FOUND);
	assert_string_equal(leaf.agent, "clawker.proj.dev");
	assert_int_equal(leaf.container_san, SAN_FOUND);
	assert_string_equal(leaf.container, ID);
	assert_int_equal(X509_get_extended_key_usage(cert.cert), XKU_SSL_CLIENT | XKU_SSL_SERVER);
	assert_int_equal(X509_get_key_usage(cert.cert), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(cert_time(X509_get0_notBefore(cert.cert)), NOW - 300);
	assert_int_equal(cert_time(X509_get0_notAfter(cert.cert)), NOW + 86400);
	assert_true(EVP_PKEY_is_a(cert.key, "EC"));
	assert_int_equal(EVP_PKEY_get_bits(cert.key), 256);
}

static void an_agent_of_no_project_is_called_by_one_name(void **state)
{
	_cleanup_cert_ struct cert cert = {};
	struct leaf leaf;

	(void)state;
	assert_int_equal(make_agent("", "dev", ID, &cert), 0);
	leaf_of(cert.cert, &leaf);
	assert_string_equal(leaf.agent, "clawker.dev");
}

static void names_far_longer_than_a_cn_are_no_trouble(void **state)
{
	char project[AGENT_NAME_MAX + 2], agent[AGENT_NAME_MAX + 2], full[AGENT_FULL_LEN];
	_cleanup_cert_ struct cert cert = {}, none = {};
	struct leaf leaf;

	(void)state;
	memset(project, 'p', sizeof(project));
	memset(agent, 'a', sizeof(agent));
	project[AGENT_NAME_MAX] = agent[AGENT_NAME_MAX] = '\0';
	assert_int_equal(make_agent(project, agent, ID, &cert), 0);
	leaf_of(cert.cert, &leaf);
	agent_name_full(project, agent, full);
	assert_int_equal(strlen(full), strlen("clawker..") + 2 * AGENT_NAME_MAX);
	assert_string_equal(leaf.agent, full);
	/* and one more is one too many */
	agent[AGENT_NAME_MAX] = 'a';
	agent[AGENT_NAME_MAX + 1] = '\0';
	assert_int_equal(make_agent("", agent, ID, &none), -EINVAL);
}

static void no_two_agents_can_be_called_the_same(void **state)
{
	_cleanup_cert_ struct cert cert = {};

	(void)state;
	/* "clawker.a.b" is agent b of project a, and nobody else */
	assert_int_equal(make_agent("", "a.b", ID, &cert), -EINVAL);
	assert_int_equal(make_agent("a.b", "c", ID, &cert), -EINVAL);
	assert_int_equal(make_agent("", "", ID, &cert), -EINVAL);
	assert_int_equal(make_agent("", "a,URI:urn:x", ID, &cert), -EINVAL);
	assert_int_equal(make_agent("", "a\nb", ID, &cert), -EINVAL);
}

static void a_container_is_lowercase_hexadecimal_or_nothing_is_signed(void **state)
{
	static const char *const bad[] = { "", "ABCDEF", "0123g", "abc def", "abc\n", "../abc" };
	char longest[AGENT_ID_MAX + 2];
	_cleanup_cert_ struct cert cert = {};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(make_agent("", "dev", bad[i], &cert), -EINVAL);
		assert_null(cert.cert);
	}
	memset(longest, 'a', sizeof(longest));
	longest[AGENT_ID_MAX + 1] = '\0';
	assert_int_equal(make_agent("", "dev", longest, &cert), -EINVAL);
	longest[AGENT_ID_MAX] = '\0';
	assert_int_equal(make_agent("", "dev", longest, &cert), 0);
}

static void an_authority_with_the_key_of_another_signs_nothing(void **state)
{
	const struct cert_agent whom = { "", "dev", ID };
	_cleanup_cert_ struct cert cert = {}, other = {};
	struct cert mixed;

	(void)state;
	assert_int_equal(cert_make(CERT_CA, NULL, NULL, NOW, &other, &why), 0);
	mixed = (struct cert){ pki.ca.cert, other.key };
	assert_int_equal(cert_make(CERT_AGENT, &mixed, &whom, NOW, &cert, &why), -EKEYREJECTED);
	/* nor does a leaf, though its key is its own */
	assert_int_equal(make_agent("", "dev", ID, &cert), 0);
	other = (cert_done(&other), (struct cert){});
	assert_int_equal(cert_make(CERT_AGENT, &cert, &whom, NOW, &other, &why), -EKEYREJECTED);
	/* nor one whose time is over */
	assert_int_equal(
	    cert_make(CERT_AGENT, &pki.ca, &whom, NOW + 6 * 365 * 86400L, &other, &why),
	    -EKEYREJECTED);
	assert_null(other.cert);
}

static void serials_are_random_and_of_128_bits(void **state)
{
	int longest = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		_cleanup_cert_ struct cert a = {}, b = {};
		BIGNUM *number;

		assert_int_equal(make_agent("", "dev", ID, &a), 0);
		assert_int_equal(make_agent("", "dev", ID, &b), 0);
		assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a.cert),
						      X509_get0_serialNumber(b.cert)),
				     0);
		number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(a.cert), NULL);
		assert_non_null(number);
		assert_false(BN_is_negative(number));
		assert_true(BN_num_bits(number) <= 128);
		longest = BN_num_bits(number) > longest ? BN_num_bits(number) : longest;
		BN_free(number);
	}
	assert_true(longest > 120);
}

/* --- files ------------------------------------------------------------------------------ */

static void mode_is(const char *name, unsigned mode)
{
	struct stat st;

	assert_int_equal(stat(in_box(name), &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void what_has_a_key_is_its_owners_alone(void **state)
{
	(void)state;
	assert_int_equal(made, (1U << (CERT_ROLES_ + 1)) - 1 - (1U << CERT_AGENT));
	mode_is("pki", 0700);
	for (enum cert_role role = CERT_CA; role < CERT_ROLES_; role++) {
		char name[64];

		if (!pki_file(role))
			continue;
		snprintf(name, sizeof(name), "pki/%s", pki_file(role));
		mode_is(name, 0600);
	}
	mode_is("pki/" PKI_ASSERT_FILE, 0600);
}

static void what_is_there_stays_and_what_is_not_is_made(void **state)
{
	_cleanup_cert_ struct cert before = {}, after = {};

	(void)state;
	assert_int_equal(pki_read(folder(), CERT_SERVER, &before, &why), 0);
	assert_int_equal(unlink(in_box("pki/cli.pem")), 0);
	assert_int_equal(unlink(in_box("pki/ca.pem")), 0);
	assert_int_equal(pki_init(folder(), NOW, &made, &why), 0);
	assert_int_equal(made, 1U << CERT_CLI);
	assert_int_equal(access(in_box("pki/ca.pem"), F_OK), 0);
	assert_int_equal(pki_read(folder(), CERT_SERVER, &after, &why), 0);
	assert_int_equal(X509_cmp(before.cert, after.cert), 0);
}

static void a_file_that_is_broken_is_said_and_left(void **state)
{
	struct stat st;
	FILE *file = fopen(in_box("pki/ca-key.pem"), "we");

	(void)state;
	assert_non_null(file);
	fputs("what is this?\n", file);
	fclose(file);
	assert_int_equal(pki_init(folder(), NOW, &made, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "ca-key.pem"));
	assert_int_equal(pki_rotate(folder(), 1U << CERT_CA, NOW, &made, &why), -EKEYREJECTED);
	assert_int_equal(stat(in_box("pki/ca-key.pem"), &st), 0);
	assert_int_equal(st.st_size, 14);
}

static void a_file_that_others_can_write_is_not_believed(void **state)
{
	_cleanup_pki_ struct pki again = {};

	(void)state;
	assert_int_equal(chmod(in_box("pki/ca-key.pem"), 0666), 0);
	assert_int_equal(pki_open(folder(), &again, &why), -EPERM);
}

static void a_new_root_takes_all_that_the_old_one_signed_with_it(void **state)
{
	_cleanup_cert_ struct cert cert = {};
	struct pki next = {};

	(void)state;
	assert_int_equal(pki_rotate(folder(), 1U << CERT_CA, NOW, &made, &why), 0);
	assert_int_equal(made,
			 1U << CERT_CA | 1U << CERT_SERVER | 1U << CERT_CLI | 1U << CERT_CLIENT);
	assert_int_equal(pki_open(folder(), &next, &why), 0);
	assert_int_equal(pki_read(folder(), CERT_CLIENT, &cert, &why), 0);
	assert_int_equal(cert_issued(&next.ca, cert.cert, &why), 0);
	assert_int_equal(cert_issued(&pki.ca, cert.cert, &why), -EKEYREJECTED);
	pki_done(&next);
}

static void what_one_who_died_left_of_two_roots_is_mended(void **state)
{
	char old[4096], path[160];
	_cleanup_cert_ struct cert cert = {};
	FILE *file;
	size_t n;

	(void)state;
	strcpy(path, in_box("pki/server.pem"));
	file = fopen(path, "re");
	n = fread(old, 1, sizeof(old), file);
	fclose(file);
	assert_int_equal(pki_rotate(folder(), 1U << CERT_CA, NOW, &made, &why), 0);
	file = fopen(path, "we");
	fwrite(old, 1, n, file);
	fclose(file);
	assert_int_equal(pki_init(folder(), NOW, &made, &why), 0);
	assert_int_equal(made, 1U << CERT_SERVER);
	pki_done(&pki);
	assert_int_equal(pki_open(folder(), &pki, &why), 0);
	assert_int_equal(pki_read(folder(), CERT_SERVER, &cert, &why), 0);
	assert_int_equal(cert_issued(&pki.ca, cert.cert, &why), 0);
}

static void a_new_signer_and_the_one_before_are_both_believed_for_a_day(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	(void)state;
	assert_int_equal(pki.trusted.n, 1);
	assert_int_equal(pki_rotate(folder(), 1U << CERT_ROLES_, NOW, &made, &why), 0);
	assert_int_equal(made, 1U << CERT_ROLES_);
	pki_done(&pki);
	assert_int_equal(pki_open(folder(), &pki, &why), 0);
	assert_int_equal(pki.trusted.n, 2);
	assert_int_equal(pki.trusted.until[0], 0);
	assert_in_range(pki.trusted.until[1] - time(NULL), ASSERTION_LIFE_S - 60, ASSERTION_LIFE_S);
	assert_int_equal(utimensat(AT_FDCWD, in_box("pki/" PKI_FORMER_FILE), long_ago, 0), 0);
	pki_done(&pki);
	assert_int_equal(pki_open(folder(), &pki, &why), 0);
	assert_int_equal(pki.trusted.n, 1);
}

static void a_writer_that_is_killed_leaves_whole_pairs(void **state)
{
	(void)state;
	for (int i = 0; i < 25; i++) {
		const struct timespec nap = { .tv_nsec = 400000L * i };
		_cleanup_pki_ struct pki now = {};
		pid_t child = fork();
		unsigned n;

		assert_true(child >= 0);
		while (!child)
			pki_rotate(folder(), (1U << (CERT_ROLES_ + 1)) - 1, NOW, &n, NULL);
		nanosleep(&nap, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(pki_init(folder(), NOW, &n, &why), 0);
		assert_int_equal(pki_open(folder(), &now, &why), 0);
		for (enum cert_role role = CERT_SERVER; role <= CERT_CLIENT; role++) {
			_cleanup_cert_ struct cert cert = {};

			assert_int_equal(pki_read(folder(), role, &cert, &why), 0);
			assert_int_equal(cert_issued(&now.ca, cert.cert, &why), 0);
		}
	}
}

/* --- a bundle --------------------------------------------------------------------------- */

static int issue(const char *out)
{
	const struct cert_agent whom = { "proj", "dev", ID };
	struct leaf leaf;

	return pki_issue(&pki, &whom, ASSERTION_AUDIENCE, NOW, out, &leaf, &why);
}

static unsigned entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void a_bundle_has_four_files_for_root_alone(void **state)
{
	(void)state;
	assert_int_equal(issue(in_box("bundle")), 0);
	assert_int_equal(entries(in_box("bundle")), 4);
	mode_is("bundle", 0700);
	mode_is("bundle/cert.pem", 0400);
	mode_is("bundle/key.pem", 0400);
	mode_is("bundle/ca.pem", 0400);
	mode_is("bundle/assertion.jwt", 0400);
	assert_int_equal(entries(box), 2); /* nothing beside it */
}

static void a_bundle_goes_where_nothing_is(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in_box("empty"), 0755), 0);
	assert_int_equal(issue(in_box("empty/")), 0);
	mode_is("empty", 0700);
	assert_int_equal(issue(in_box("empty")), -ENOTEMPTY);
	assert_int_equal(issue(in_box("not/there")), -ENOENT);
	assert_int_equal(entries(box), 2);
}

static void a_bundle_of_no_name_leaves_nothing(void **state)
{
	const struct cert_agent whom = { "", "dev", "UPPER" };
	struct leaf leaf;

	(void)state;
	assert_int_equal(pki_issue(&pki, &whom, ASSERTION_AUDIENCE, NOW, in_box("b"), &leaf, &why),
			 -EINVAL);
	assert_int_equal(entries(box), 1);
}

/* --- what a peer shows ------------------------------------------------------------------ */

static void uris_are_missing_malformed_or_found(void **state)
{
	static const struct {
		const char *uri;
		size_t n;
		enum san is;
	} table[] = {
		{ "urn:clawker:agent:x", 19, SAN_FOUND },
		{ "urn:clawker:agent:", 18, SAN_MALFORMED },
		{ "urn:clawker:agent:a\0b", 21, SAN_MALFORMED },
		{ "urn:clawker:agent", 17, SAN_MISSING },
		{ "URN:clawker:agent:x", 19, SAN_MISSING },
		{ "", 0, SAN_MISSING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct leaf leaf = {};

		leaf_take_uri(&leaf, table[i].uri, table[i].n);
		assert_int_equal(leaf.agent_san, table[i].is);
		assert_int_equal(leaf.container_san, SAN_MISSING);
		/* the first counts, malformed or not */
		leaf_take_uri(&leaf, "urn:clawker:agent:second", 24);
		if (table[i].is != SAN_MISSING)
			assert_int_equal(leaf.agent_san, table[i].is);
		assert_string_equal(leaf.agent, table[i].is == SAN_FOUND     ? "x"
						: table[i].is == SAN_MISSING ? "second"
									     : "");
	}
}

static void what_is_no_certificate_is_nobodys(void **state)
{
	struct leaf leaf = { .present = true };
	_cleanup_free_ uint8_t *der = NULL;
	int n = i2d_X509(pki.ca.cert, &der);

	(void)state;
	assert_int_equal(leaf_read("", 0, &leaf), -EBADMSG);
	assert_false(leaf.present);
	assert_int_equal(leaf_read(der, n - 1, &leaf), -EBADMSG);
	assert_int_equal(leaf_read("garbage", 7, &leaf), -EBADMSG);
	assert_int_equal(leaf_read(der, n, &leaf), 0);
	assert_true(leaf.present);
	assert_int_equal(leaf.agent_san, SAN_MISSING);
}

static void thumbprints_are_hexadecimal_and_back(void **state)
{
	uint8_t bytes[LEAF_THUMBPRINT], back[LEAF_THUMBPRINT];
	char hex[LEAF_HEX_LEN];

	(void)state;
	for (int i = 0; i < LEAF_THUMBPRINT; i++)
		bytes[i] = 255 - 7 * i;
	leaf_hex(bytes, hex);
	assert_true(leaf_unhex(hex, back));
	assert_memory_equal(bytes, back, sizeof(bytes));
	hex[3] = 'A';
	assert_false(leaf_unhex(hex, back));
	assert_false(leaf_unhex("", back));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(an_agents_leaf_has_its_cn_both_uris_and_both_purposes),
		CASE(an_agent_of_no_project_is_called_by_one_name),
		CASE(names_far_longer_than_a_cn_are_no_trouble),
		CASE(no_two_agents_can_be_called_the_same),
		CASE(a_container_is_lowercase_hexadecimal_or_nothing_is_signed),
		CASE(an_authority_with_the_key_of_another_signs_nothing),
		CASE(serials_are_random_and_of_128_bits),
		CASE(what_has_a_key_is_its_owners_alone),
		CASE(what_is_there_stays_and_what_is_not_is_made),
		CASE(a_file_that_is_broken_is_said_and_left),
		CASE(a_file_that_others_can_write_is_not_believed),
		CASE(a_new_root_takes_all_that_the_old_one_signed_with_it),
		CASE(what_one_who_died_left_of_two_roots_is_mended),
		CASE(a_new_signer_and_the_one_before_are_both_believed_for_a_day),
		CASE(a_writer_that_is_killed_leaves_whole_pairs),
		CASE(a_bundle_has_four_files_for_root_alone),
		CASE(a_bundle_goes_where_nothing_is),
		CASE(a_bundle_of_no_name_leaves_nothing),
		CASE(uris_are_missing_malformed_or_found),
		CASE(what_is_no_certificate_is_nobodys),
		CASE(thumbprints_are_hexadecimal_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
