// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kept images: a copy of what was deployed, from which a partition is loaded again at a reboot.
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/libnvdimm.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vmanager_driver.h"
#include "vmanager_seed.h"

#define ENTRY_ALIGNMENT 4
#define DEVICE_TREE_ALIGNMENT 8
/* A copy is made in steps of this many bytes, so that a killed caller does not wait for the rest. */
#define STEP SZ_1M

struct piece {
	u64 offset;
	u64 length;
	void *data;
};

/**
 * struct vmanager_image - a kept image
 * @entry: offset of the first instruction
 * @device_tree: offset of the device tree
 * @bytes: of all pieces
 * @count: number of @pieces
 * @pieces: what goes where
 */
struct vmanager_image {
	u64 entry;
	u64 device_tree;
	u64 bytes;
	u32 count;
	struct piece pieces[];
};

u64 vmanager_image_bytes(const struct vmanager_image *image)
{
	return image ? image->bytes : 0;
}

u64 vmanager_image_entry(const struct vmanager_image *image)
{
	return image->entry;
}

u64 vmanager_image_device_tree(const struct vmanager_image *image)
{
	return image->device_tree;
}

/**
 * vmanager_image_free - forget an image
 * @image: may be NULL
 */
void vmanager_image_free(struct vmanager_image *image)
{
	u32 i;

	if (!image)
		return;
	for (i = 0; i < image->count; i++)
		vfree(image->pieces[i].data);
	kfree(image);
}

static bool overlaps(const struct piece *a, const struct piece *b)
{
	return a->offset < b->offset + b->length && b->offset < a->offset + a->length;
}

static int check_piece(const struct vmanager_image *image, u32 index, u64 memory, struct vmanager_header *why)
{
	const struct piece *piece = &image->pieces[index];
	u64 end;
	u32 i;

	if (!piece->length || check_add_overflow(piece->offset, piece->length, &end) || end > memory)
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_SEGMENT_RANGE, index, memory);
	for (i = 0; i < index; i++)
		if (overlaps(piece, &image->pieces[i]))
			return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_SEGMENT_OVERLAP, i, index);
	return 0;
}

/* The piece that holds the byte at @offset, or NULL. */
static const struct piece *piece_at(const struct vmanager_image *image, u64 offset)
{
	u32 i;

	for (i = 0; i < image->count; i++)
		if (offset >= image->pieces[i].offset &&
		    offset - image->pieces[i].offset < image->pieces[i].length)
			return &image->pieces[i];
	return NULL;
}

static int check_image(struct vmanager_image *image, u64 memory, struct vmanager_header *why)
{
	u64 limit = (u64)si_mem_available() * PAGE_SIZE / 2;
	u32 i;
	int err;

	for (i = 0; i < image->count; i++) {
		err = check_piece(image, i, memory, why);
		if (err)
			return err;
		image->bytes += image->pieces[i].length;
	}
	if (image->entry % ENTRY_ALIGNMENT || !piece_at(image, image->entry))
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_ENTRY, image->entry, 0);
	if (image->device_tree % DEVICE_TREE_ALIGNMENT || !piece_at(image, image->device_tree))
		return vmanager_refuse(why, -EINVAL, VMANAGER_REASON_DEVICE_TREE, image->device_tree, 0);
	if (image->bytes > limit)
		return vmanager_refuse(why, -ENOSPC, VMANAGER_REASON_IMAGE_SIZE, image->bytes, limit);
	return 0;
}

static int copy_piece(struct piece *piece, u64 address)
{
	u64 done, step;

	piece->data = __vmalloc(piece->length, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!piece->data)
		return -ENOMEM;
	for (done = 0; done < piece->length; done += step) {
		step = min_t(u64, piece->length - done, STEP);
		if (copy_from_user(piece->data + done, u64_to_user_ptr(address + done), step))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int copy_pieces(struct vmanager_image *image, const struct vmanager_segment *segments, u64 memory,
		       struct vmanager_header *why)
{
	u32 i;
	int err;

	for (i = 0; i < image->count; i++) {
		image->pieces[i].offset = segments[i].offset;
		image->pieces[i].length = segments[i].length;
	}
	err = check_image(image, memory, why);
	for (i = 0; !err && i < image->count; i++)
		err = copy_piece(&image->pieces[i], segments[i].data);
	return err;
}

/**
 * vmanager_image_copy - copy what a caller deploys
 * @deploy: argument of the call
 * @memory: bytes of the partition
 * @why: header to note a refusal in
 *
 * Return: the image, or an error pointer.
 */
struct vmanager_image *vmanager_image_copy(const struct vmanager_deploy *deploy, u64 memory,
					   struct vmanager_header *why)
{
	u32 count = deploy->segment_count;
	struct vmanager_segment *segments;
	struct vmanager_image *image;
	int err;

	if (count == 0 || count > VMANAGER_SEGMENTS_MAX) {
		vmanager_refuse(why, -EINVAL, VMANAGER_REASON_SEGMENTS, count, VMANAGER_SEGMENTS_MAX);
		return ERR_PTR(-EINVAL);
	}
	segments = memdup_user(u64_to_user_ptr(deploy->segments), array_size(count, sizeof(*segments)));
	if (IS_ERR(segments))
		return ERR_CAST(segments);
	image = kzalloc(struct_size(image, pieces, count), GFP_KERNEL_ACCOUNT);
	if (!image) {
		err = -ENOMEM;
		goto free_segments;
	}
	image->count = count;
	image->entry = deploy->entry;
	image->device_tree = deploy->device_tree;
	err = copy_pieces(image, segments, memory, why);
	if (err)
		goto free_image;
	kfree(segments);
	return image;

free_image:
	vmanager_image_free(image);
free_segments:
	kfree(segments);
	return ERR_PTR(err);
}

/*
 * Through a cacheable mapping, so that lines which the partition left in the caches are overwritten and not written
 * back later over ours; then cleaned to memory, for the kernel is entered with its MMU off.
 */
static int load_piece(const struct piece *piece, u64 base)
{
	void *at = memremap(base + piece->offset, piece->length, MEMREMAP_WB);
	u64 done, step;

	if (!at)
		return -ENOMEM;
	for (done = 0; done < piece->length; done += step) {
		step = min_t(u64, piece->length - done, STEP);
		memcpy(at + done, piece->data + done, step);
		arch_wb_cache_pmem(at + done, step);
		cond_resched();
	}
	memunmap(at);
	return 0;
}

/* Linux cannot write secure memory: the firmware copies, from a buffer whose rest is zero. */
static int load_secure_piece(const struct piece *piece, u32 id, void *buffer, struct vmanager_header *why)
{
	u64 done, step;
	int err;

	if (piece->offset % VMANAGER_SMC_LOAD_ALIGNMENT)
		return vmanager_refuse(why, -EOPNOTSUPP, VMANAGER_REASON_SECURE_LOAD, id, piece->offset);
	for (done = 0; done < piece->length; done += step) {
		struct vmanager_regs regs = { .in = { id, piece->offset + done, virt_to_phys(buffer) } };

		step = min_t(u64, piece->length - done, VMANAGER_SMC_LOAD_MAX);
		memcpy(buffer, piece->data + done, step);
		regs.in[3] = round_up(step, VMANAGER_SMC_LOAD_ALIGNMENT);
		memset(buffer + step, 0, regs.in[3] - step);
		err = vmanager_smc(VMANAGER_SMC_PART_LOAD, &regs, why);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static int load_secure(const struct vmanager_image *image, u32 id, struct vmanager_header *why)
{
	void *buffer = kmalloc(VMANAGER_SMC_LOAD_MAX, GFP_KERNEL);
	int err = buffer ? 0 : -ENOMEM;
	u32 i;

	for (i = 0; !err && i < image->count; i++)
		err = load_secure_piece(&image->pieces[i], id, buffer, why);
	kfree(buffer);
	return err;
}

static void fill_random(void *buffer, size_t length)
{
	get_random_bytes(buffer, length);
}

/* The kept copy serves many starts, random numbers one. */
static int refresh_seeds(const struct vmanager_image *image)
{
	const struct piece *piece = piece_at(image, image->device_tree);
	u64 skip = image->device_tree - piece->offset;
	/* Until this system's own generator is seeded. */
	int err = wait_for_random_bytes();

	if (err)
		return -EINTR;
	vmanager_seed_refresh(piece->data + skip, piece->length - skip, fill_random);
	return 0;
}

/**
 * vmanager_image_load - write an image into the memory of a partition that is READY, with random numbers of its own
 * @image: the image
 * @partition: the partition
 * @why: header to note a refusal in
 *
 * Return: 0 or a negative errno.
 */
int vmanager_image_load(const struct vmanager_image *image, const struct vmanager_partition *partition,
			struct vmanager_header *why)
{
	u32 i;
	int err;

	err = refresh_seeds(image);
	if (err)
		return err;
	if (partition->world == VMANAGER_WORLD_SECURE)
		return load_secure(image, partition->id, why);
	for (i = 0; i < image->count; i++) {
		err = load_piece(&image->pieces[i], partition->base);
		if (err)
			return err;
	}
	return 0;
}
