/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_box.h - a store of its own for each case of test_proxy_*.c, and hands to look into it
 */
#ifndef TESTS_STORE_BOX_H
#define TESTS_STORE_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/db.h"
#include "proxy/store/credential.h"
#include "proxy/store/keys.h"
#include "proxy/store/ssh_key.h"
#include "proxy/store/token.h"
#include "proxy/store/unlocked.h"

#define BOTH (1 << STORE_HTTP | 1 << STORE_SSH)
#define JSON "{\"type\":\"api_key\",\"key\":\"swordfish-17\"}"

static char dir[64], path[96], key_file[96];
static struct store *store;
static struct problem why;
static const struct keys_options make = { .make = true };

static inline int setup(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	strcpy(dir, "/tmp/terok-test-store-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/c/credentials.db", dir);
	snprintf(key_file, sizeof(key_file), "%s/c-key/store.key", dir);
	return 0;
}

static inline int teardown(void **state)
{
	char command[128];

	(void)state;
	unlocked_drop(path);
	store_free(store);
	store = NULL;
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static inline struct store *opened(enum store_may may)
{
	struct store *ret = NULL;

	if (store_open(path, may, &ret, &why))
		fail_msg("%s", why.text);
	return ret;
}

static inline struct store *unlocked(enum store_may may)
{
	struct store *ret = opened(may);

	if (keys_unlock(ret, &make, BOTH, &why))
		fail_msg("%s", why.text);
	return ret;
}

static inline void by_hand(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static inline int number(const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	int ret = -1;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		ret = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return ret;
}

static inline int put(struct store *in, const char *set, const char *provider, const char *json)
{
	return credential_store(in, set, provider, json, strlen(json), &why);
}

/* It is there, with this JSON. */
static inline void holds(struct store *in, const char *set, const char *provider, const char *json)
{
	struct secret *secret = NULL;

	if (credential_load(in, set, provider, &secret, &why))
		fail_msg("%s", why.text);
	assert_int_equal(secret->len, strlen(json));
	assert_memory_equal(secret->bytes, json, secret->len);
	secret_free(secret);
}

static inline int load(struct store *in, const char *set, const char *provider)
{
	struct secret *secret = NULL;
	int r = credential_load(in, set, provider, &secret, &why);

	secret_free(secret);
	return r;
}

/* Is it in any file of the store's folder? */
static inline bool in_files(const char *bytes)
{
	char folder[96], file[400];
	struct dirent *entry;
	bool found = false;
	DIR *files;

	snprintf(folder, sizeof(folder), "%s/c", dir);
	files = opendir(folder);
	assert_non_null(files);
	while ((entry = readdir(files))) {
		char *text = NULL;
		ssize_t len;
		size_t n = 0;
		FILE *f;

		snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);
		f = entry->d_type == DT_REG ? fopen(file, "re") : NULL;
		if (!f)
			continue;
		len =
		    getdelim(&text, &n, EOF, f); /* behind it is memory of whoever had it before */
		if (len > 0)
			found |= memmem(text, len, bytes, strlen(bytes)) != NULL;
		free(text);
		fclose(f);
	}
	closedir(files);
	return found;
}

/* For credential_each(): names, with a "!" behind those in plain text. */
static inline int add_name(const struct credential *credential, void *user)
{
	strcat(user, credential->set);
	strcat(user, "/");
	strcat(user, credential->provider);
	strcat(user, credential->sealed ? " " : "! ");
	return 0;
}

#endif
