// SPDX-License-Identifier: Apache-2.0
/*
 * test_proxy_confine.c - proxy/confine.c: what whoever has taken the process that speaks HTTP over can do
 *
 * Each case is a process of its own that gives up what that one does, and then tries.
 */
#include "store_box.h"

#include <linux/keyctl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/confine.h"
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

static bool opens(const char *file, int flags)
{
	int fd = open(file, flags | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool makes_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void *says_hello(void *said)
{
	*(bool *)said = true;
	return NULL;
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

/* In a process of its own, which ends with what @fn finds: 0 is what is wanted. */
static int in_a_front(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool serves(void)
{
	return !put(store, "default", "claude", JSON) && !load(store, "default", "claude");
}

static int works(void)
{
	bool said = false;
	pthread_t thread;

	store = unlocked(STORE_WRITE);
	confine();
	if (!serves())
		return 1;
	if (pthread_create(&thread, NULL, says_hello, &said) || pthread_join(thread, NULL) || !said)
		return 2;
	if (!opens("/dev/null", O_RDWR) || !opens("/etc/resolv.conf", O_RDONLY))
		return 3;
	return makes_socket(AF_INET, SOCK_STREAM) && makes_socket(AF_INET6, SOCK_STREAM) &&
		       makes_socket(AF_UNIX, SOCK_STREAM) && makes_socket(AF_NETLINK, SOCK_RAW)
		   ? 0
		   : 4;
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

/* setxattrat() by its number: it is newer than libc and libseccomp. */
static bool marks(const char *file)
{
	const struct {
		const char *value;
		unsigned size, flags;
	} mark = { "x", 1, 0 };

	return !syscall(463, AT_FDCWD, file, 0, "user.terok-test", &mark, sizeof(mark));
}

/* Each of them: how many can be done. */
static int tries(void)
{
	static const char *const devices[] = { "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx" };
	int n = opens(other, O_RDONLY);

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		n += opens(devices[i], O_RDONLY);
	n += makes_socket(AF_VSOCK, SOCK_STREAM) + makes_socket(AF_PACKET, SOCK_DGRAM);
	n += syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0;
	n += syscall(SYS_add_key, "user", "terok-test", "x", 1, KEY_SPEC_PROCESS_KEYRING) >= 0;
	n += !truncate(other, 1);
	n +=
	    !chmod(other, 0644) + !fchmodat(AT_FDCWD, other, 0600, 0) + !chown(other, -1, getgid());
	n += !setxattr(other, "user.terok", "x", 1, 0) + marks(other);
	n += !unshare(CLONE_NEWUSER);
	return n;
}

static int begins(void)
{
	char *const argv[] = { "true", NULL };

	execv("/bin/true", argv);
	return errno;
}

static int tries_confined(void)
{
	store = unlocked(STORE_WRITE);
	confine();
	return tries() ?: begins() != EPERM;
}

static void nothing_else_does(void **state)
{
	(void)state;
#ifdef CONFINE_SANITIZED
	print_message("a sanitizer's build is not confined\n");
	skip();
#endif
	/* the control: without it, some of that can be done wherever this runs */
	assert_true(in_a_front(tries) >= 4);
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
