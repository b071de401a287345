// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Runs vmanager_seed.c in user space: reads what may be a device tree, replaces its random numbers by bytes of 0xa5,
 * writes it, and tells on the standard error how many properties it found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../vmanager_seed.h"

#define LARGEST (4u << 20)

static void fill(void *buffer, size_t length)
{
	memset(buffer, 0xa5, length);
}

int main(void)
{
	u8 *input = malloc(LARGEST);
	size_t length = input ? fread(input, 1, LARGEST, stdin) : 0;
	/* Exactly as large as needed, so that valgrind and the sanitizers see an access behind the end. */
	u8 *tree = malloc(length ? length : 1);

	if (!input || !tree)
		return 2;
	memcpy(tree, input, length);
	fprintf(stderr, "%u\n", vmanager_seed_refresh(tree, length, fill));
	if (fwrite(tree, 1, length, stdout) != length)
		return 2;
	free(tree);
	free(input);
	return 0;
}
