// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Hostile arguments for the driver's ioctls: run on a board, in the management partition, while nobody else uses the
 * driver. Prints a line for each broken promise and ends with status 1 if there is one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../include/uapi/vmanager.h"

#define PAGE 4096
#define ROUNDS 20000

static int broken;
static int checks;

static void check(int holds, const char *what, long got)
{
	checks++;
	if (holds)
		return;
	broken++;
	printf("broken: %s (got %ld, errno %d %s)\n", what, got, errno, strerror(errno));
}

/* Makes the call and checks errno and reason; @error 0 means success. */
static void expect(int fd, unsigned long command, void *argument, int error, unsigned int reason, const char *what)
{
	struct vmanager_header *header = argument;
	int result;

	errno = 0;
	result = ioctl(fd, command, argument);
	check(error ? result == -1 && errno == error : result == 0, what, result);
	check(header->reason == reason, what, header->reason);
}

#define HEADER(type) { .header = { .size = sizeof(struct type) } }

static void sizes(int board)
{
	struct vmanager_version version = HEADER(vmanager_version);
	struct {
		struct vmanager_version version;
		__u8 tail[64];
	} longer = { .version = { .header = { .size = sizeof(longer) } } };
	struct vmanager_header header = { .size = sizeof(header) };

	expect(board, VMANAGER_GET_VERSION, &version, 0, VMANAGER_REASON_NONE, "right size");
	check(version.abi == VMANAGER_ABI_VERSION, "version", version.abi);
	expect(board, VMANAGER_GET_VERSION, &longer, 0, VMANAGER_REASON_NONE, "longer, tail zero");
	longer.tail[63] = 1;
	expect(board, VMANAGER_GET_VERSION, &longer, EINVAL, VMANAGER_REASON_RESERVED, "longer, tail not zero");
	expect(board, VMANAGER_GET_VERSION, &header, EINVAL, VMANAGER_REASON_SIZE, "header only");
	check(header.detail[0] == sizeof(header) && header.detail[1] == sizeof(version), "sizes told", header.detail[1]);
	for (header.size = 0; header.size < sizeof(header); header.size++)
		expect(board, VMANAGER_GET_VERSION, &header, EINVAL, VMANAGER_REASON_SIZE, "shorter than a header");
	header.size = PAGE + 1;
	expect(board, VMANAGER_GET_VERSION, &header, EINVAL, VMANAGER_REASON_SIZE, "longer than a page");
	header.size = 0xffffffff;
	expect(board, VMANAGER_GET_VERSION, &header, EINVAL, VMANAGER_REASON_SIZE, "4 GiB");
}

static void zeroes(int board, int partition)
{
	struct vmanager_version version = HEADER(vmanager_version);
	struct vmanager_control control = HEADER(vmanager_control);

	version.header.flags = 0x80000000;
	expect(board, VMANAGER_GET_VERSION, &version, EINVAL, VMANAGER_REASON_FLAGS, "unknown flag");
	version.header.flags = 0;
	version.header.reserved = 1;
	expect(board, VMANAGER_GET_VERSION, &version, EINVAL, VMANAGER_REASON_RESERVED, "reserved of the header");
	version.header.reserved = 0;
	version.reserved = 1;
	expect(board, VMANAGER_GET_VERSION, &version, EINVAL, VMANAGER_REASON_RESERVED, "reserved of the argument");
	control.reserved = 1;
	expect(partition, VMANAGER_SHUTDOWN, &control, EINVAL, VMANAGER_REASON_RESERVED, "reserved of an operation");
}

static void addresses(int board, int partition)
{
	struct vmanager_list list = HEADER(vmanager_list);
	struct vmanager_deploy deploy = HEADER(vmanager_deploy);
	struct vmanager_console console = HEADER(vmanager_console);
	struct vmanager_segment segment = { .length = PAGE };
	unsigned char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vmanager_version *cut = (void *)(page + PAGE - sizeof(struct vmanager_header));
	long result;

	munmap(page + PAGE, PAGE);
	cut->header.size = sizeof(*cut);
	result = ioctl(board, VMANAGER_GET_VERSION, cut);
	check(result == -1 && errno == EFAULT, "argument over the end of memory", result);
	result = ioctl(board, VMANAGER_GET_VERSION, NULL);
	check(result == -1 && errno == EFAULT, "no argument", result);
	result = ioctl(board, VMANAGER_GET_VERSION, (void *)0xffff000000000000);
	check(result == -1 && errno == EFAULT, "argument in the kernel", result);

	list.capacity = 1;
	expect(board, VMANAGER_LIST, &list, EFAULT, VMANAGER_REASON_NONE, "list at NULL");
	list.ids = 0xffffff8000000000;
	expect(board, VMANAGER_LIST, &list, EFAULT, VMANAGER_REASON_NONE, "list in the kernel");
	list.capacity = 0;
	expect(board, VMANAGER_LIST, &list, 0, VMANAGER_REASON_NONE, "list without room");
	check(list.count == 1, "list without room counts", list.count);

	deploy.segment_count = 1;
	expect(partition, VMANAGER_DEPLOY, &deploy, EFAULT, VMANAGER_REASON_NONE, "segments at NULL");
	deploy.segments = (unsigned long)&segment;
	expect(partition, VMANAGER_DEPLOY, &deploy, EFAULT, VMANAGER_REASON_NONE, "bytes at NULL");
	segment.data = (unsigned long)page;
	segment.length = 2 * PAGE;
	expect(partition, VMANAGER_DEPLOY, &deploy, EFAULT, VMANAGER_REASON_NONE, "bytes over the end of memory");
	segment.data = 0xffff000000000000;
	expect(partition, VMANAGER_DEPLOY, &deploy, EFAULT, VMANAGER_REASON_NONE, "bytes in the kernel");
	deploy.segment_count = VMANAGER_SEGMENTS_MAX + 1;
	expect(partition, VMANAGER_DEPLOY, &deploy, EINVAL, VMANAGER_REASON_SEGMENTS, "too many segments");

	console.length = 16;
	expect(partition, VMANAGER_CONSOLE_WRITE, &console, EFAULT, VMANAGER_REASON_NONE, "typed from NULL");
	console.buffer = (unsigned long)"typed";
	console.length = 5;
	expect(partition, VMANAGER_CONSOLE_WRITE, &console, EBADFD, VMANAGER_REASON_NOT_RUNNING, "typed while READY");
	console.buffer = 0;
	console.length = 0;
	expect(partition, VMANAGER_CONSOLE_READ, &console, 0, VMANAGER_REASON_NONE, "console without a buffer");
	console.position = ~0ull;
	expect(partition, VMANAGER_CONSOLE_READ, &console, 0, VMANAGER_REASON_NONE, "console from beyond its end");
	check(console.position == console.end, "position beyond the end comes back as the end", console.position);
	munmap(page, PAGE);
}

static void numbers(int board, int partition, unsigned int id)
{
	struct vmanager_cpu_info cpu = HEADER(vmanager_cpu_info);
	struct vmanager_info info = HEADER(vmanager_info);
	struct vmanager_create create = HEADER(vmanager_create);
	long result;

	cpu.cpu = 0xffffffff;
	expect(board, VMANAGER_CPU_INFO, &cpu, EINVAL, VMANAGER_REASON_CPU_INDEX, "CPU 2^32 - 1");
	expect(board, VMANAGER_INFO, &info, ENODEV, VMANAGER_REASON_NO_PARTITION, "partition 0");
	info.id = id + 1;
	expect(partition, VMANAGER_INFO, &info, ENODEV, VMANAGER_REASON_NO_PARTITION, "another partition's number");
	info.id = id;
	expect(partition, VMANAGER_INFO, &info, 0, VMANAGER_REASON_NONE, "own number");
	create.cores = 1;
	create.memory = 2 << 20;
	create.world = 2;
	expect(board, VMANAGER_CREATE, &create, EINVAL, VMANAGER_REASON_WORLD, "world 2");
	create.world = VMANAGER_WORLD_NON_SECURE;
	create.shared_with = id;
	expect(board, VMANAGER_CREATE, &create, EINVAL, VMANAGER_REASON_SHARED, "non-secure that shares");
	create.shared_with = 0;
	memset(create.name, 'x', sizeof(create.name));
	expect(board, VMANAGER_CREATE, &create, EINVAL, VMANAGER_REASON_NAME, "name without an end");
	result = ioctl(board, VMANAGER_DEPLOY, &create);
	check(result == -1 && errno == ENOTTY, "partition's call on the board", result);
	result = ioctl(partition, VMANAGER_CREATE, &create);
	check(result == -1 && errno == ENOTTY, "board's call on a partition", result);
	result = ioctl(board, _IO(VMANAGER_IOCTL_MAGIC, 0xff), &create);
	check(result == -1 && errno == ENOTTY, "unknown call", result);
}

static void events(void)
{
	struct vmanager_event event;
	int board = open("/dev/vmanager", O_RDWR | O_NONBLOCK);
	struct pollfd waiting = { .fd = board, .events = POLLIN };
	long result = read(board, &event, sizeof(event) - 1);

	check(result == -1 && errno == EINVAL, "buffer smaller than an event", result);
	result = read(board, &event, sizeof(event));
	check(result == -1 && errno == EAGAIN, "no event", result);
	result = poll(&waiting, 1, 0);
	check(result == 0, "poll without an event", result);
	result = write(board, &event, sizeof(event));
	check(result == -1 && errno == EINVAL, "write", result);
	close(board);
}

/* Random arguments, but for those that would wait or succeed: the partition stays READY. */
static void random_arguments(int board, int partition)
{
	static const unsigned long on_board[] = { VMANAGER_GET_VERSION, VMANAGER_HOST, VMANAGER_CPU_INFO,
						  VMANAGER_LIST, VMANAGER_INFO };
	static const unsigned long on_partition[] = { VMANAGER_INFO, VMANAGER_DEPLOY, VMANAGER_SHUTDOWN,
						      VMANAGER_REBOOT, VMANAGER_SUSPEND, VMANAGER_RESTORE,
						      VMANAGER_CONSOLE_READ, VMANAGER_CONSOLE_WRITE, VMANAGER_STATS };
	struct vmanager_info info = HEADER(vmanager_info);
	unsigned int words[PAGE / 4];
	int round;
	size_t i;

	srandom(1);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < sizeof(words) / sizeof(words[0]) / 8; i++)
			words[i] = random() % 3 ? 0 : random();
		if (random() % 4)
			words[0] = 32 + random() % 300;
		/* Addresses are random too: keep the program's own memory out of what is written. */
		if (round % 2)
			ioctl(board, on_board[random() % (sizeof(on_board) / sizeof(on_board[0]))], words);
		else
			ioctl(partition, on_partition[random() % (sizeof(on_partition) / sizeof(on_partition[0]))],
			      words);
	}
	expect(partition, VMANAGER_INFO, &info, 0, VMANAGER_REASON_NONE, "info after random arguments");
	check(info.state == VMANAGER_STATE_READY && info.busy == 0, "READY after random arguments", info.state);
}

/* Two processes want all that is left: one gets it. */
static void race(int board)
{
	struct vmanager_host host = HEADER(vmanager_host);
	int child, status, winners = 0;

	expect(board, VMANAGER_HOST, &host, 0, VMANAGER_REASON_NONE, "host");
	for (child = 0; child < 4; child++)
		if (fork() == 0) {
			struct vmanager_create create = HEADER(vmanager_create);

			create.cores = 1;
			create.memory = host.memory.largest;
			if (ioctl(board, VMANAGER_CREATE, &create) == 0)
				_exit(create.id);
			_exit(errno == ENOSPC && create.header.reason == VMANAGER_REASON_MEMORY ? 0 : 255);
		}
	for (child = 0; child < 4; child++) {
		struct vmanager_control control = HEADER(vmanager_control);
		char node[32];
		int fd;

		wait(&status);
		check(WIFEXITED(status) && WEXITSTATUS(status) != 255, "loser is told ENOSPC", status);
		if (WEXITSTATUS(status) == 0)
			continue;
		winners++;
		snprintf(node, sizeof(node), "/dev/vman%d", WEXITSTATUS(status));
		fd = open(node, O_RDWR);
		control.timeout_ms = 60000;
		expect(fd, VMANAGER_DESTROY, &control, 0, VMANAGER_REASON_NONE, "destroy the winner");
		close(fd);
	}
	check(winners == 1, "one of four gets the memory", winners);
}

int main(void)
{
	struct vmanager_create create = HEADER(vmanager_create);
	struct vmanager_control control = HEADER(vmanager_control);
	int board = open("/dev/vmanager", O_RDWR);
	char node[32];
	int partition;

	if (board < 0) {
		perror("/dev/vmanager");
		return 1;
	}
	create.cores = 1;
	create.memory = 64 << 20;
	expect(board, VMANAGER_CREATE, &create, 0, VMANAGER_REASON_NONE, "create");
	snprintf(node, sizeof(node), "/dev/vman%u", create.id);
	partition = open(node, O_RDWR);
	check(partition >= 0, "open", partition);
	sizes(board);
	zeroes(board, partition);
	addresses(board, partition);
	numbers(board, partition, create.id);
	events();
	random_arguments(board, partition);
	race(board);
	control.timeout_ms = 60000;
	expect(partition, VMANAGER_DESTROY, &control, 0, VMANAGER_REASON_NONE, "destroy");
	expect(partition, VMANAGER_DESTROY, &control, ENODEV, VMANAGER_REASON_NO_PARTITION, "destroy again");
	printf("%d checks, %d broken\n", checks, broken);
	return broken != 0;
}
