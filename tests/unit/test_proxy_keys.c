// SPDX-License-Identifier: Apache-2.0
/* test_proxy_keys.c - proxy/store/keys*.c: what a store is locked with, and those who use it together */
#include <sys/prctl.h>

#include "store_box.h"

/* --- keys --------------------------------------------------------------------------------- */

static void a_store_without_its_key_is_locked_and_all_else_works(void **state)
{
	struct token token = { .project = "p",
			       .task = "t",
			       .set = "default",
			       .provider = "claude",
			       .budget = TOKEN_UNLIMITED };
	char names[64] = "";

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	store_free(store);
	assert_int_equal(unlink(key_file), 0);
	store = opened(STORE_WRITE);
	assert_true(store_locked(store, STORE_HTTP));
	assert_int_equal(keys_unlock(store, &make, BOTH, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "locked"));
	assert_int_equal(access(key_file, F_OK), -1); /* a new one would not help */
	assert_int_equal(load(store, "default", "claude"), -EKEYREJECTED);
	assert_non_null(strstr(why.text, "locked"));
	assert_int_equal(put(store, "default", "claude", JSON), -EKEYREJECTED);
	assert_int_equal(token_mint(store, &token, &why), 0);
	assert_int_equal(token_lookup(store, token.text, strlen(token.text), &token, &why), 0);
	assert_int_equal(credential_each(store, NULL, add_name, names, &why), 0);
	assert_string_equal(names, "default/claude ");
	assert_int_equal(credential_delete(store, "default", "claude", &why), 1);
}

/* A key of SSH's in the store, "private". */
static int64_t ssh_key_put(void)
{
	_cleanup_secret_ struct secret *private = secret_from("private", 7);
	int64_t id = 0;

	assert_int_equal(ssh_key_add(store,
				     &(struct ssh_key){ .type = "rsa",
							.blob = (const uint8_t *)"b",
							.blob_size = 1,
							.comment = "c",
							.fingerprint = "SHA256:x" },
				     private, &id, &why),
			 0);
	return id;
}

static void the_key_of_a_class_opens_that_class_alone(void **state)
{
	struct secret *private = NULL;
	struct keys keys = {};
	int64_t id;

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	id = ssh_key_put();
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	store_free(store);
	store = opened(STORE_READ);
	store_give_key(store, STORE_HTTP, (const uint8_t *)keys.key[STORE_HTTP]->bytes);
	holds(store, "default", "claude", JSON);
	assert_int_equal(ssh_key_private(store, id, &private, &why), -EKEYREJECTED);
	store_give_key(store, STORE_SSH, (const uint8_t *)keys.key[STORE_HTTP]->bytes);
	assert_int_equal(ssh_key_private(store, id, &private, &why), -EKEYREJECTED);
	store_give_key(store, STORE_SSH, (const uint8_t *)keys.key[STORE_SSH]->bytes);
	assert_int_equal(ssh_key_private(store, id, &private, &why), 0);
	secret_free(private);
	store_give_key(store, STORE_HTTP, NULL);
	assert_int_equal(load(store, "default", "claude"), -EKEYREJECTED);
	keys_done(&keys);
}

static void a_key_file_that_others_read_is_refused(void **state)
{
	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(chmod(key_file, 0640), 0);
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EPERM);
	assert_non_null(strstr(why.text, key_file));
	assert_int_equal(chmod(key_file, 0600), 0);
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), 0);
}

/* A credential as systemd hands it to a service. */
static void give_credential(const char *text)
{
	char file[128];
	int fd;

	snprintf(file, sizeof(file), "%s/given", dir);
	mkdir(file, 0700);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", file, 1), 0);
	strcat(file, "/" KEYS_CREDENTIAL);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0400);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void a_credential_of_systemds_is_the_first_to_be_asked_and_must_be_right(void **state)
{
	struct keys keys = {};
	char file[128];

	(void)state;
	give_credential("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
	store = unlocked(STORE_WRITE);
	assert_int_equal(access(key_file, F_OK), -1);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	assert_int_equal(keys.source, KEYS_FROM_CREDENTIAL);
	assert_int_equal(
	    keys_rotate(store, &keys, NULL, &(struct keys_change){ .root = true }, &why), -EINVAL);
	assert_int_equal(keys_rotate(store, &keys, NULL, &(struct keys_change){}, &why), 1);
	keys_done(&keys);
	holds(store, "default", "claude", JSON);
	give_credential("ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EKEYREJECTED);
	assert_non_null(strstr(why.text, KEYS_CREDENTIAL));
	give_credential("sesame");
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EINVAL);
	/* an access list of systemd's is in the group's bits; what all may read is no secret */
	snprintf(file, sizeof(file), "%s/given/" KEYS_CREDENTIAL, dir);
	give_credential("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	assert_int_equal(chmod(file, 0440), 0);
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), 0);
	assert_int_equal(chmod(file, 0444), 0);
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EPERM);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EKEYREJECTED);
}

static void key_of_before(char ret[128])
{
	snprintf(ret, 128, "%s/c/store.key", dir);
}

static void a_key_beside_the_store_moves_apart_when_it_is_opened_to_write(void **state)
{
	char before[128];
	struct stat was, is;

	(void)state;
	key_of_before(before);
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	store_free(TAKE_PTR(store));
	assert_int_equal(rename(key_file, before), 0);
	store = unlocked(STORE_READ);
	holds(store, "default", "claude", JSON);
	assert_int_equal(stat(before, &was), 0);
	assert_int_equal(access(key_file, F_OK), -1);
	store_free(TAKE_PTR(store));
	store = unlocked(STORE_WRITE);
	holds(store, "default", "claude", JSON);
	assert_int_equal(access(before, F_OK), -1);
	assert_int_equal(stat(key_file, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0600);
	assert_int_equal(is.st_size, was.st_size);
	store_free(TAKE_PTR(store));
	store = unlocked(STORE_READ);
	holds(store, "default", "claude", JSON);
}

/* Somebody was ended between the one and the other. */
static void a_copy_that_was_left_beside_the_store_goes_and_another_key_stays(void **state)
{
	char before[128], command[300];

	(void)state;
	key_of_before(before);
	store = unlocked(STORE_WRITE);
	snprintf(command, sizeof(command), "cp -p %s %s", key_file, before);
	assert_int_equal(system(command), 0);
	store_free(TAKE_PTR(store));
	store = unlocked(STORE_WRITE);
	assert_int_equal(access(before, F_OK), -1);
	assert_int_equal(access(key_file, F_OK), 0);
	snprintf(command, sizeof(command), "umask 077; printf %%064d 7 >%s", before);
	assert_int_equal(system(command), 0);
	store_free(TAKE_PTR(store));
	store = unlocked(STORE_WRITE);
	assert_int_equal(access(before, F_OK), 0);
}

static void a_passphrase_is_kept_by_the_keyring_until_it_is_locked(void **state)
{
	struct secret *passphrase = secret_from("open sesame", 11), *wrong = secret_from("open", 4);
	struct keys keys = {};
	const struct keys_options with = { .make = true, .passphrase = passphrase };
	const struct keys_options bad = { .passphrase = wrong };

	(void)state;
	store = opened(STORE_WRITE);
	assert_int_equal(keys_find(store, NULL, &keys, &why), -ENOKEY);
	assert_int_equal(keys_find(store, &with, &keys, &why), 0);
	assert_int_equal(keys.source, KEYS_FROM_PASSPHRASE);
	assert_int_equal(access(key_file, F_OK), -1);
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EKEYREJECTED);
	assert_int_equal(keys_unlock(store, &bad, BOTH, &why), -EKEYREJECTED);
	assert_int_equal(keys_unlock(store, &with, BOTH, &why), 0);
	if (unlocked_put(path, keys.root, 0)) {
		print_message("no keyring here\n");
	} else {
		keys_done(&keys);
		assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
		assert_int_equal(keys.source, KEYS_FROM_KEYRING);
		assert_int_equal(unlocked_drop(path), 0);
		assert_int_equal(unlocked_drop(path), -ENOKEY);
		assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EKEYREJECTED);
	}
	keys_done(&keys);
	secret_free(passphrase);
	secret_free(wrong);
}

static void a_rotation_seals_all_rows_and_whoever_runs_goes_on(void **state)
{
	struct secret *private = NULL;
	struct keys keys = {};
	struct store *reader;
	int64_t id;

	(void)state;
	store = unlocked(STORE_WRITE);
	reader = unlocked(STORE_READ);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	assert_int_equal(put(store, "default", "gh", JSON), 0);
	id = ssh_key_put();
	holds(reader, "default", "claude", JSON);
	by_hand(
	    "CREATE TABLE was AS SELECT data FROM credentials UNION SELECT wrapped FROM class_keys"
	    " UNION SELECT private_der FROM ssh_keys");
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	assert_int_equal(keys_rotate(store, &keys, NULL, &(struct keys_change){}, &why), 3);
	keys_done(&keys);
	holds(reader, "default", "claude", JSON);
	holds(store, "default", "gh", JSON);
	assert_int_equal(ssh_key_private(reader, id, &private, &why), 0);
	assert_memory_equal(private->bytes, "private", 7);
	secret_free(private);
	assert_int_equal(number("SELECT count(*) FROM was"), 5);
	assert_int_equal(
	    number("SELECT count(*) FROM was WHERE data IN (SELECT data FROM credentials UNION"
		   " SELECT wrapped FROM class_keys UNION SELECT private_der FROM ssh_keys)"),
	    0);
	assert_int_equal(number("SELECT count(*) FROM class_keys"), 2);
	store_free(reader);
}

static void with_a_new_key_whoever_runs_with_the_old_one_is_locked(void **state)
{
	struct keys keys = {};
	struct store *reader;
	char was[80] = "", is[80] = "";
	int fd;

	(void)state;
	store = unlocked(STORE_WRITE);
	reader = unlocked(STORE_READ);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	holds(reader, "default", "claude", JSON);
	fd = open(key_file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, was, sizeof(was)), 65);
	close(fd);
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	assert_int_equal(
	    keys_rotate(store, &keys, NULL, &(struct keys_change){ .root = true }, &why), 1);
	keys_done(&keys);
	fd = open(key_file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, is, sizeof(is)), 65);
	close(fd);
	assert_string_not_equal(was, is);
	holds(store, "default", "claude", JSON);
	assert_int_equal(load(reader, "default", "claude"), -EKEYREJECTED);
	assert_int_equal(keys_unlock(reader, NULL, BOTH, &why), 0);
	holds(reader, "default", "claude", JSON);
	store_free(reader);
}

static void a_wrong_credential_is_not_passed_over(void **state)
{
	(void)state;
	store = unlocked(STORE_WRITE); /* by a file, which stays */
	give_credential("ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), -EKEYREJECTED);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(keys_unlock(store, NULL, BOTH, &why), 0);
}

/* Somebody rotates and says so, again and again. */
static void rotate_on(int told)
{
	struct store *mine = unlocked(STORE_WRITE);
	struct keys keys = {};

	while (!keys_find(mine, NULL, &keys, &why) &&
	       keys_rotate(mine, &keys, NULL, &(struct keys_change){}, &why) >= 0 &&
	       write(told, "", 1) == 1)
		keys_done(&keys);
	_exit(1);
}

static void whoever_reads_meanwhile_misses_nothing(void **state)
{
	struct secret *private = NULL;
	int told[2], status, rotated = 0;
	int64_t id;
	pid_t pid;
	char c;

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	id = ssh_key_put();
	store_free(store);
	store = NULL;
	assert_int_equal(pipe2(told, O_CLOEXEC | O_NONBLOCK), 0);
	pid = fork();
	if (!pid) {
		fcntl(told[1], F_SETFL, 0);
		rotate_on(told[1]);
	}
	close(told[1]);
	store = unlocked(STORE_READ);
	while (rotated < 30) {
		ssize_t n = read(told[0], &c, 1);

		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		rotated += n > 0;
		holds(store, "default", "claude", JSON);
		if (ssh_key_private(store, id, &private, &why))
			fail_msg("%s", why.text);
		secret_freep(&private);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(told[0]);
}

/* Between the store's commit and the file's new name a rotation can be killed. */
static void a_rotation_that_died_before_its_last_step_is_ended(void **state)
{
	struct keys keys = {};
	char next[128];
	int fd;

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	snprintf(next, sizeof(next), "%s.next", key_file);
	assert_int_equal(rename(key_file, next), 0);
	fd = open(key_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(
	    write(fd, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 64), 64);
	close(fd);
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	keys_done(&keys);
	assert_int_equal(access(next, F_OK), -1);
	store_free(store);
	store = unlocked(STORE_READ);
	holds(store, "default", "claude", JSON);
}

static void a_row_that_cannot_be_opened_stops_a_rotation_before_anything_changed(void **state)
{
	struct keys keys = {};

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "a", JSON), 0);
	assert_int_equal(put(store, "default", "b", JSON), 0);
	by_hand("UPDATE credentials SET data = (SELECT data FROM credentials WHERE provider = 'a')"
		" WHERE provider = 'b'");
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	assert_int_equal(
	    keys_rotate(store, &keys, NULL, &(struct keys_change){ .root = true }, &why), -EBADMSG);
	keys_done(&keys);
	assert_int_equal(number("SELECT max(generation) FROM class_keys"), 1);
	holds(store, "default", "a", JSON);
	store_free(store);
	store = unlocked(STORE_READ);
	holds(store, "default", "a", JSON);
}

/* --- several, and those who are killed ------------------------------------------------------ */

/* Does it sleep? After what it told there is one thing that it can sleep for. */
static bool sleeps(pid_t pid)
{
	char file[32], state = '?';
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/stat", pid);
	f = fopen(file, "re");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
		state = '?';
	if (f)
		fclose(f);
	return state == 'S';
}

static void those_who_are_first_together_make_one_key(void **state)
{
	sqlite3 *db = NULL;
	pid_t pids[6];
	int told[2], gate[2];
	char c = 0;

	(void)state;
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < 6; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			struct store *mine = NULL;
			char provider[16];

			snprintf(provider, sizeof(provider), "p%d", i);
			close(gate[1]);
			_exit(store_open(path, STORE_WRITE, &mine, &why) ||
			      write(told[1], &c, 1) != 1 || read(gate[0], &c, 1) ||
			      write(told[1], &c, 1) != 1 || keys_unlock(mine, &make, BOTH, &why) ||
			      put(mine, "default", provider, JSON));
		}
	}
	for (int i = 0; i < 6; i++)
		assert_int_equal(read(told[0], &c, 1), 1);
	/* all of them see that there is no key, and wait for this to make one */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < 6; i++)
		assert_int_equal(read(told[0], &c, 1), 1);
	for (int i = 0; i < 6; i++)
		while (!sleeps(pids[i]))
			sched_yield();
	sqlite3_close(db);
	for (int i = 0; i < 6; i++) {
		int status = -1;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	close(told[0]);
	close(told[1]);
	store = unlocked(STORE_READ);
	for (int i = 0; i < 6; i++) {
		char provider[16];

		snprintf(provider, sizeof(provider), "p%d", i);
		holds(store, "default", provider, JSON);
	}
	assert_int_equal(number("SELECT count(*) FROM class_keys"), 2);
}

/* A writer that says each that it has stored, and is killed at any moment. */
static pid_t begin_writer(int *told)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		struct store *mine = NULL;
		struct keys keys = {};

		if (store_open(path, STORE_WRITE, &mine, &why) ||
		    keys_unlock(mine, &make, BOTH, &why))
			_exit(1);
		for (uint8_t n = 0;; n++) {
			char provider[16];

			snprintf(provider, sizeof(provider), "p%u", n % 16);
			if (put(mine, "default", provider, JSON) || write(ends[1], &n, 1) != 1)
				_exit(1);
			if (n % 8 == 7 &&
			    (keys_find(mine, NULL, &keys, &why) ||
			     keys_rotate(mine, &keys, NULL, &(struct keys_change){ .root = true },
					 &why) < 0))
				_exit(1);
			keys_done(&keys);
		}
	}
	close(ends[1]);
	*told = ends[0];
	return pid;
}

static void a_writer_that_is_killed_leaves_all_that_it_told(void **state)
{
	(void)state;
	store_free(unlocked(STORE_WRITE));
	for (unsigned round = 0; round < 12; round++) {
		unsigned seen = 0, want = 3 + 2 * round;
		uint8_t n;
		int told, status;
		pid_t pid = begin_writer(&told);

		while (seen < want && read(told, &n, 1) == 1)
			seen++;
		assert_int_equal(seen, want);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		close(told);
		store = unlocked(STORE_WRITE);
		for (unsigned i = 0; i < want && i < 16; i++) {
			char provider[16];

			snprintf(provider, sizeof(provider), "p%u", i);
			holds(store, "default", provider, JSON);
		}
		assert_int_equal(number("SELECT count(*) FROM pragma_integrity_check"
					" WHERE integrity_check != 'ok'"),
				 0);
		store_free(store);
		store = NULL;
	}
}

#define OPENED 300 /* times */

/* Stores and rotates, and is told by others that they were first. */
static void rotate_beside(unsigned who)
{
	struct store *mine = unlocked(STORE_WRITE);
	char provider[16];

	snprintf(provider, sizeof(provider), "p%u", who);
	for (;;) {
		struct keys_change change = { .root = true };
		struct keys keys = {};
		int r = keys_find(mine, NULL, &keys, &why);

		if (!r)
			r = keys_rotate(mine, &keys, NULL, &change, &why);
		if (r >= 0)
			r = put(mine, "default", provider, JSON);
		if (r < 0 && r != -EKEYREJECTED) { /* another was first */
			fprintf(stderr, "%s\n", why.text);
			_exit(1);
		}
		keys_done(&keys);
	}
}

static void who_opens_it_while_it_is_rotated_is_not_locked_out(void **state)
{
	unsigned locked = 0;
	int status;
	pid_t pid;

	(void)state;
	store_free(unlocked(STORE_WRITE));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rotate_beside(0);
	}
	for (unsigned i = 0; i < OPENED; i++) {
		struct store *one = opened(STORE_WRITE);

		locked += !!keys_unlock(one, NULL, BOTH, &why);
		store_free(one);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* it had gone on until then */
	if (locked)
		fail_msg("%u of %u: %s", locked, OPENED, why.text);
}

static void rotations_at_the_same_time_leave_a_key_whoever_is_killed(void **state)
{
	(void)state;
	store_free(unlocked(STORE_WRITE));
	for (unsigned round = 0; round < 20; round++) {
		pid_t pids[4];
		int status[4];

		for (unsigned i = 0; i < 4; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				prctl(PR_SET_PDEATHSIG, SIGKILL); /* also where this fails */
				rotate_beside(i);
			}
		}
		usleep(20000 + round * 3000); /* at any moment of theirs */
		for (unsigned i = 0; i < 4; i++)
			kill(pids[i], SIGKILL);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(waitpid(pids[i], &status[i], 0), pids[i]);
		for (unsigned i = 0; i < 4; i++)
			assert_true(WIFSIGNALED(status[i]));
		store = unlocked(STORE_WRITE);
		store_free(store);
		store = NULL;
	}
}

static void a_passphrase_takes_the_place_of_a_file_that_the_keyring_hid(void **state)
{
	struct keys_change change = { .passphrase = secret_from("open sesame", 11) };
	struct keys keys = {};

	(void)state;
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	assert_int_equal(keys.source, KEYS_FROM_FILE);
	if (unlocked_put(path, keys.root, 0))
		fail_msg("there is no keyring here");
	keys_done(&keys);
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	assert_int_equal(keys.source, KEYS_FROM_KEYRING);
	assert_int_equal(access(key_file, F_OK), 0);
	assert_int_equal(keys_rotate(store, &keys, NULL, &change, &why), 1);
	assert_int_equal(access(key_file, F_OK), -1);
	keys_done(&keys);
	secret_free((struct secret *)change.passphrase);
	holds(store, "default", "claude", JSON);
}

static void a_key_that_has_no_name_yet_is_not_written_over(void **state)
{
	char next[120];
	struct keys keys = {}, again = {};

	(void)state;
	snprintf(next, sizeof(next), "%s.next", key_file);
	store = unlocked(STORE_WRITE);
	assert_int_equal(put(store, "default", "claude", JSON), 0);
	assert_int_equal(keys_find(store, NULL, &keys, &why), 0);
	/* as a rotation leaves it that is killed behind its commit */
	assert_int_equal(rename(key_file, next), 0);
	/* one that fails, with all but the commit done: its row cannot be read */
	by_hand("INSERT INTO credentials VALUES ('default', 'broken', 'terok-sealed:1:xxxx')");
	assert_true(keys_rotate(store, &keys, NULL, &(struct keys_change){ .root = true }, &why) <
		    0);
	assert_int_equal(keys_find(store, NULL, &again, &why), 0);
	assert_int_equal(again.source, KEYS_FROM_FILE);
	holds(store, "default", "claude", JSON);
	keys_done(&keys);
	keys_done(&again);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_store_without_its_key_is_locked_and_all_else_works),
		CASE(the_key_of_a_class_opens_that_class_alone),
		CASE(a_key_file_that_others_read_is_refused),
		CASE(a_credential_of_systemds_is_the_first_to_be_asked_and_must_be_right),
		CASE(a_key_beside_the_store_moves_apart_when_it_is_opened_to_write),
		CASE(a_copy_that_was_left_beside_the_store_goes_and_another_key_stays),
		CASE(who_opens_it_while_it_is_rotated_is_not_locked_out),
		CASE(rotations_at_the_same_time_leave_a_key_whoever_is_killed),
		CASE(a_passphrase_takes_the_place_of_a_file_that_the_keyring_hid),
		CASE(a_key_that_has_no_name_yet_is_not_written_over),
		CASE(a_passphrase_is_kept_by_the_keyring_until_it_is_locked),
		CASE(a_rotation_seals_all_rows_and_whoever_runs_goes_on),
		CASE(with_a_new_key_whoever_runs_with_the_old_one_is_locked),
		CASE(whoever_reads_meanwhile_misses_nothing),
		CASE(a_wrong_credential_is_not_passed_over),
		CASE(a_rotation_that_died_before_its_last_step_is_ended),
		CASE(a_row_that_cannot_be_opened_stops_a_rotation_before_anything_changed),
		CASE(those_who_are_first_together_make_one_key),
		CASE(a_writer_that_is_killed_leaves_all_that_it_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
