// SPDX-License-Identifier: Apache-2.0
/*
 * replay.c - a main for fuzz targets where there is no fuzzer: run the kept inputs
 *
 * fuzz_NAME reads every file of tests/fuzz/seed/NAME (or the files it is given), in whole
 * and cut short at each of the first CUTS lengths, and is happy if nothing aborts. So each
 * input that was ever found stays a test, with any compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (1 << 20) /* larger inputs find nothing that smaller ones do not */
#define CUTS     64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_bytes(const uint8_t *data, size_t size)
{
	/* a copy of exact size each time, so that a sanitizer sees the byte after the end */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int replay_file(const char *path)
{
	static uint8_t data[SEED_MAX];
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	for (size_t cut = 0; cut < CUTS && cut < size; cut++)
		replay_bytes(data, cut);
	replay_bytes(data, size);
	printf("ok %s\n", path);
	return 0;
}

static int replay_folder(const char *name)
{
	char folder[256], path[1024];
	int bad = 0, count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "tests/fuzz/seed/%s", name);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		bad |= replay_file(path) != 0;
		count++;
	}
	if (dir)
		closedir(dir);
	if (!count) {
		replay_bytes((const uint8_t *)"", 0);
		printf("SKIP %s: no input is kept in %s\n", name, folder);
		return 77;
	}
	return bad;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	int bad = 0;

	name = name ? name + 1 : argv[0];
	if (argc == 1)
		return replay_folder(strncmp(name, "fuzz_", 5) ? name : name + 5);
	for (int i = 1; i < argc; i++)
		bad |= replay_file(argv[i]) != 0;
	return bad;
}
