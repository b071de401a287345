// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Computation and system calls, timed by the counter of the CPU, in a partition and on the machine itself. Prints
 * "NAME MIN MEDIAN MAX" in nanoseconds for a fixed piece of work; with QEMU's -icount these are counted instructions.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 9
#define PRIMES_BELOW 200000
#define CALLS 10000
#define PAGES 2000
#define PAGE 4096

static uint64_t now(void)
{
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
}

static uint64_t nanoseconds(uint64_t ticks)
{
	uint64_t frequency;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	return (uint64_t)((__uint128_t)ticks * 1000000000 / frequency);
}

static void compute(void)
{
	static unsigned char composite[PRIMES_BELOW];
	unsigned int count = 0;

	for (unsigned int i = 0; i < PRIMES_BELOW; i++)
		composite[i] = 0;
	for (unsigned int i = 2; i < PRIMES_BELOW; i++) {
		if (composite[i])
			continue;
		count++;
		for (unsigned int j = 2 * i; j < PRIMES_BELOW; j += i)
			composite[j] = 1;
	}
	if (count != 17984)
		exit(2);
}

static void system_calls(void)
{
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
}

static void page_faults(void)
{
	volatile char *memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(3);
	for (int i = 0; i < PAGES; i++)
		memory[(size_t)i * PAGE] = 1;
	munmap((void *)memory, (size_t)PAGES * PAGE);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, void (*work)(void))
{
	uint64_t times[ROUNDS];

	work();
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = now();

		work();
		times[round] = nanoseconds(now() - begin);
	}
	qsort(times, ROUNDS, sizeof(times[0]), by_size);
	printf("GUEST-BENCH %s %llu %llu %llu\n", name, (unsigned long long)times[0],
	       (unsigned long long)times[ROUNDS / 2], (unsigned long long)times[ROUNDS - 1]);
	fflush(stdout);
}

int main(void)
{
	measure("compute", compute);
	measure("system_calls", system_calls);
	measure("page_faults", page_faults);
	return 0;
}
