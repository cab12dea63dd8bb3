// SPDX-License-Identifier: Apache-2.0
/*
 * test_proxy_confine.c - proxy/confine.c: what whoever has taken the process that speaks HTTP over can do
 *
 * Each case is a process of its own that gives up what that one does, and then tries.
 */
#include "store_box.h"

#include "confined.h"

#include "proxy/confine.h"

#define SECRET "of-another-program-8341"

static char routes[128], other[128], locks[128];

static int setup_files(void **state)
{
	int r = setup(state), fd;

	if (r)
		return r;
	snprintf(routes, sizeof(routes), "%s/c/routes.json", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(locks, sizeof(locks), "%s/locks", dir);
	fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	r = fd < 0 || write(fd, SECRET, strlen(SECRET)) < 0;
	close(fd);
	return r;
}

/* In the child, as serve does: the store open, HTTP's key alone, and then no way back. */
static void confine(void)
{
	const struct proxy_confine confine = {
		.store = path, .routes = routes, .locks = locks, .socket_folder = -1
	};

	if (confine_privs() || proxy_confine(&confine, &why)) {
		fprintf(stderr, "%s\n", why.text);
		_exit(99);
	}
}

static bool serves(void)
{
	return !put(store, "default", "claude", JSON) && !load(store, "default", "claude");
}

static int works(void)
{
	store = unlocked(STORE_WRITE);
	confine();
	if (!serves())
		return 1;
	return works_all();
}

static void what_it_is_for_goes_on(void **state)
{
	(void)state;
	assert_int_equal(in_a_front(works), 0);
}

/* How far somebody gets to the key of SSH: by its file, by the kernel's keyring, by one made anew. */
static int reaches_keys(void)
{
	struct keys keys = {};
	struct secret *root = NULL;
	char beside[128];
	int n;

	snprintf(beside, sizeof(beside), "%s/c/store.key", dir);
	n = opens(key_file, O_RDONLY) + opens(key_file, O_WRONLY) + !rename(key_file, beside) +
	    !link(key_file, beside) + !symlink(key_file, beside);
	n += opens(beside, O_RDONLY);
	if (!unlocked_get(path, &root))
		n++;
	if (!keys_find(store, NULL, &keys, &why))
		n++;
	return n;
}

static int reaches_keys_confined(void)
{
	store = unlocked(STORE_WRITE);
	if (store_give_key(store, STORE_SSH, NULL))
		return 98;
	confine();
	return reaches_keys() ?: !serves();
}

static int reaches_keys_here(void)
{
	store = unlocked(STORE_WRITE);
	return reaches_keys();
}

static void the_key_of_ssh_is_out_of_its_reach(void **state)
{
	struct secret *root;

	(void)state;
#ifdef CONFINE_SANITIZED
	print_message("a sanitizer's build is not confined\n");
	skip();
#endif
	store = unlocked(STORE_WRITE);
	root = secret_from("0123456789abcdef0123456789abcdef", STORE_KEY_SIZE);
	assert_non_null(root);
	unlocked_put(path, root, 60); /* there is no keyring in every container */
	secret_free(root);
	store_free(TAKE_PTR(store));
	assert_int_equal(in_a_front(reaches_keys_confined), 0);
	assert_true(in_a_front(reaches_keys_here) >= 5);
}

static int tries_here(void)
{
	return tries_all(other);
}

static int tries_confined(void)
{
	store = unlocked(STORE_WRITE);
	confine();
	return tries_all(other) ?: begins() != EPERM;
}

static void nothing_else_does(void **state)
{
	(void)state;
#ifdef CONFINE_SANITIZED
	print_message("a sanitizer's build is not confined\n");
	skip();
#endif
	/* the control: without it, some of that can be done wherever this runs */
	assert_true(in_a_front(tries_here) >= 4);
	assert_int_equal(in_a_front(begins), 0);
	assert_int_equal(in_a_front(tries_confined), 0);
}

static int empties(void)
{
	if (confine_privs() || confine_files())
		return 99;
	return !truncate(other, 1) || errno != EACCES;
}

static void what_may_not_be_written_may_not_be_made_empty_either(void **state)
{
	(void)state;
#ifdef CONFINE_SANITIZED
	print_message("a sanitizer's build is not confined\n");
	skip();
#endif
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 3) {
		print_message("Landlock of this kernel knows nothing of that\n");
		skip();
	}
	assert_int_equal(in_a_front(empties), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup_files, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_it_is_for_goes_on),
		CASE(nothing_else_does),
		CASE(what_may_not_be_written_may_not_be_made_empty_either),
		CASE(the_key_of_ssh_is_out_of_its_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
