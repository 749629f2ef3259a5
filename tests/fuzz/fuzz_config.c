/*
 * The configuration: YAML, keys, values, and the accounts printed again.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "config/config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	struct config config = {0};
	struct err err = {0};
	struct buf text = {0};
	char path[64];

	ASSERT(fd >= 0 && fchmod(fd, 0600) == 0);
	ASSERT(fs_write_all(fd, data, size, &err) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_load(&config, path, &err) == 0) {
		for (size_t i = 0; i < config.count; i++)
			for (size_t k = 0; k < config_option_count; k++)
				config_option_text(&config.accounts[i], &config_options[k], &text);
	} else {
		ASSERT(err.kind != ERR_NONE && err.msg[0]);
	}
	config_fini(&config);
	buf_fini(&text);
	close(fd);
	return 0;
}
