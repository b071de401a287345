// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A paced stream over memory that two systems share: a link between partitions (mapped through /dev/mem), or QEMU's
 * shared-memory device between virtual machines (mapped through the resource file of its PCI function).
 *
 *   guest-link send FILE OFFSET FRAMES PERIOD_US
 *   guest-link receive FILE OFFSET FRAMES PERIOD_US
 *
 * The sender writes a frame every period into one of a few places, whatever the receiver does; the receiver copies it,
 * checks every word and acknowledges. Both look every half millisecond. The latency of a frame is what the sender's
 * clock says from its first word to its acknowledgement. A frame that was overwritten before it was copied is lost.
 *
 * The memory may be mapped as a device's: aligned words only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX 1024u
#define FRAME_BYTES (96u << 10)
#define FRAME_WORDS (FRAME_BYTES / 8)
#define PLACES 4u
#define LINK_BYTES (2u << 20)
#define POLL_NS 500000
/* How long a side waits for the other one to come up, and for the last frame. */
#define START_S 120
#define END_S 5
#define HELLO 0x6f6c6c6568ull

struct stream {
	uint64_t sender;
	uint64_t receiver;
	/* Frames written, frames handled. */
	uint64_t written;
	uint64_t handled;
	/* The receiver's counts, and one bit for each frame that it got. */
	uint64_t received;
	uint64_t broken;
	uint64_t bits[FRAMES_MAX / 64];
	uint64_t unused[512 - 6 - FRAMES_MAX / 64];
	struct {
		uint64_t number;
		uint64_t words[FRAME_WORDS];
	} places[PLACES];
};

_Static_assert(sizeof(struct stream) <= LINK_BYTES, "the stream fits a link");

static volatile struct stream *stream;
static uint64_t frames, period_us;

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void barrier(void)
{
	__asm__ volatile("dmb sy" ::: "memory");
}

static void pause_briefly(void)
{
	struct timespec time = { .tv_nsec = POLL_NS };

	nanosleep(&time, NULL);
}

static uint64_t word_of(uint64_t frame, uint64_t index)
{
	return (frame + 1) * 0x9e3779b97f4a7c15ull ^ index;
}

static void write_frame(uint64_t frame)
{
	volatile uint64_t *words = stream->places[frame % PLACES].words;

	/* A receiver that still copies the last one sees that it is gone. */
	stream->places[frame % PLACES].number = 0;
	barrier();
	for (uint64_t i = 0; i < FRAME_WORDS; i++)
		words[i] = word_of(frame, i);
	barrier();
	stream->places[frame % PLACES].number = frame + 1;
	barrier();
	stream->written = frame + 1;
}

static uint64_t begun[FRAMES_MAX], latency[FRAMES_MAX];

/* Notes the acknowledgements that came. */
static uint64_t watch(uint64_t seen)
{
	uint64_t handled = stream->handled, now = now_us();

	for (; seen < handled && seen < frames; seen++)
		latency[seen] = now - begun[seen];
	return seen;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(uint64_t late)
{
	uint64_t got = 0;

	for (uint64_t i = 0; i < frames; i++)
		if (stream->bits[i / 64] >> i % 64 & 1)
			latency[got++] = latency[i];
	qsort(latency, got, sizeof(latency[0]), by_size);
	printf("GUEST-LINK frames %llu lost %llu broken %llu late %llu", (unsigned long long)frames,
	       (unsigned long long)(frames - got), (unsigned long long)stream->broken, (unsigned long long)late);
	if (got)
		printf(" min %llu median %llu p99 %llu max %llu", (unsigned long long)latency[0],
		       (unsigned long long)latency[got / 2], (unsigned long long)latency[got * 99 / 100],
		       (unsigned long long)latency[got - 1]);
	printf("\n");
}

/* Waits until the other side is there. */
static int meet(volatile uint64_t *own, volatile uint64_t *other)
{
	uint64_t end = now_us() + START_S * 1000000ull;

	*own = HELLO;
	while (*other != HELLO) {
		if (now_us() > end)
			return 0;
		pause_briefly();
	}
	return 1;
}

static int send_all(void)
{
	uint64_t seen = 0, late = 0, begin, end;

	if (!meet(&stream->sender, &stream->receiver))
		return 3;
	begin = now_us();
	for (uint64_t frame = 0; frame < frames; frame++) {
		uint64_t due = begin + frame * period_us;

		while (now_us() < due) {
			seen = watch(seen);
			pause_briefly();
		}
		begun[frame] = now_us();
		late += begun[frame] - due > period_us;
		write_frame(frame);
	}
	end = now_us() + END_S * 1000000ull;
	while (seen < frames && now_us() < end) {
		seen = watch(seen);
		pause_briefly();
	}
	report(late);
	return 0;
}

static void take_frame(uint64_t frame)
{
	static uint64_t copy[FRAME_WORDS];
	volatile uint64_t *words = stream->places[frame % PLACES].words;
	uint64_t wrong = 0;

	if (stream->places[frame % PLACES].number != frame + 1)
		return;
	barrier();
	for (uint64_t i = 0; i < FRAME_WORDS; i++)
		copy[i] = words[i];
	barrier();
	if (stream->places[frame % PLACES].number != frame + 1)
		return;
	for (uint64_t i = 0; i < FRAME_WORDS; i++)
		wrong += copy[i] != word_of(frame, i);
	if (wrong) {
		stream->broken++;
		return;
	}
	stream->received++;
	stream->bits[frame / 64] |= 1ull << frame % 64;
}

static int receive_all(void)
{
	uint64_t frame = 0, last = 0;

	if (!meet(&stream->receiver, &stream->sender))
		return 3;
	last = now_us();
	while (frame < frames && now_us() < last + START_S * 1000000ull) {
		uint64_t written = stream->written;

		if (frame == written) {
			pause_briefly();
			continue;
		}
		barrier();
		last = now_us();
		for (; frame < written && frame < frames; frame++) {
			take_frame(frame);
			barrier();
			stream->handled = frame + 1;
		}
	}
	printf("GUEST-LINK received %llu broken %llu\n", (unsigned long long)stream->received,
	       (unsigned long long)stream->broken);
	return 0;
}

int main(int count, char **arguments)
{
	int file;

	if (count != 6)
		return 2;
	frames = strtoull(arguments[4], NULL, 0);
	period_us = strtoull(arguments[5], NULL, 0);
	file = open(arguments[2], O_RDWR | O_SYNC);
	if (file < 0 || !frames || frames > FRAMES_MAX) {
		fprintf(stderr, "%s: %s\n", arguments[2], strerror(errno));
		return 2;
	}
	stream = mmap(NULL, LINK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, strtoll(arguments[3], NULL, 0));
	if (stream == MAP_FAILED) {
		fprintf(stderr, "mmap: %s\n", strerror(errno));
		return 2;
	}
	return !strcmp(arguments[1], "send") ? send_all() : receive_all();
}
