/*
 * A fuzzer as a test: plays every file of tests/fuzz/corpus/NAME (of the program fuzz_NAME), and of
 * every folder or file that is named, and counts them as cmocka does. A sanitizer, an assertion or
 * a signal is the failure.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/fs.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX (16u << 20)

static unsigned played;

static void play_file(int at, const char *name)
{
	struct err err = {0};
	size_t n;
	char *text = fs_read_file(at, name, INPUT_MAX, &n, &err);

	if (!text) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	printf("[ RUN      ] %s\n", name);
	fflush(stdout);
	LLVMFuzzerTestOneInput((const uint8_t *)text, n);
	free(text);
	played++;
}

static void play(const char *path)
{
	struct fs_dir dir;
	struct fs_entry entry;
	struct err err = {0};
	int rc;

	if (fs_dir_open(&dir, AT_FDCWD, path, &err) != 0) {
		play_file(AT_FDCWD, path);
		return;
	}
	while ((rc = fs_dir_next(&dir, &entry, &err)) == 1)
		play_file(dir.fd, entry.name);
	fs_dir_close(&dir);
	if (rc < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	const char *name = strstr(argv[0], "fuzz_");
	char corpus[256];

	while (name && strstr(name + 1, "fuzz_"))
		name = strstr(name + 1, "fuzz_");
	snprintf(
		corpus, sizeof(corpus), "tests/fuzz/corpus/%s", name ? name + strlen("fuzz_") : "");
	if (argc < 2)
		play(corpus);
	for (int i = 1; i < argc; i++)
		play(argv[i]);
	printf("[  PASSED  ] %u test(s).\n", played);
	return played ? 0 : 1;
}
