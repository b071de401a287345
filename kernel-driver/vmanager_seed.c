// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Walks a flattened device tree (Devicetree Specification 0.4, chapter 5) to the random numbers of its node /chosen.
 * The kernel has libfdt, but gives it to no module.
 */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "vmanager_seed.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u
#define CELL 4u
/* Places in the header. */
#define TOTALSIZE 4u
#define OFF_DT_STRUCT 8u
#define OFF_DT_STRINGS 12u
#define HEADER 40u
/* Depth of the nodes below the root. */
#define TOP_LEVEL 2u

struct walk {
	u8 *tree;
	size_t length;
	/* Of the next token. */
	size_t at;
	size_t strings;
	unsigned int depth;
	bool in_chosen;
	unsigned int found;
	void (*fill)(void *buffer, size_t length);
};

static u32 big_endian(const u8 *bytes)
{
	return (u32)bytes[0] << 24 | (u32)bytes[1] << 16 | (u32)bytes[2] << 8 | bytes[3];
}

static bool take_cell(struct walk *walk, u32 *value)
{
	if (walk->length - walk->at < CELL)
		return false;
	*value = big_endian(walk->tree + walk->at);
	walk->at += CELL;
	return true;
}

/* Passes @length bytes and what fills their last cell. */
static bool pass(struct walk *walk, size_t length)
{
	size_t left = walk->length - walk->at;

	if (length > left || (CELL - length % CELL) % CELL > left - length)
		return false;
	walk->at += length + (CELL - length % CELL) % CELL;
	return true;
}

/* The text at @at if it ends within the tree, else NULL. */
static const char *text(const struct walk *walk, size_t at)
{
	if (at >= walk->length || !memchr(walk->tree + at, 0, walk->length - at))
		return NULL;
	return (const char *)walk->tree + at;
}

static bool begin_node(struct walk *walk)
{
	const char *name = text(walk, walk->at);

	if (!name)
		return false;
	walk->depth++;
	if (walk->depth == TOP_LEVEL)
		walk->in_chosen = !strcmp(name, "chosen");
	return pass(walk, strlen(name) + 1);
}

static bool end_node(struct walk *walk)
{
	if (!walk->depth)
		return false;
	if (walk->depth == TOP_LEVEL)
		walk->in_chosen = false;
	walk->depth--;
	return true;
}

static bool property(struct walk *walk)
{
	u32 length, name_offset;
	const char *name;
	u8 *value;

	if (!take_cell(walk, &length) || !take_cell(walk, &name_offset))
		return false;
	name = text(walk, walk->strings + name_offset);
	value = walk->tree + walk->at;
	if (!name || !pass(walk, length))
		return false;
	if (walk->in_chosen && walk->depth == TOP_LEVEL &&
	    (!strcmp(name, "rng-seed") || !strcmp(name, "kaslr-seed"))) {
		walk->fill(value, length);
		walk->found++;
	}
	return true;
}

static bool step(struct walk *walk)
{
	u32 token;

	if (!take_cell(walk, &token))
		return false;
	switch (token) {
	case FDT_BEGIN_NODE:
		return begin_node(walk);
	case FDT_END_NODE:
		return end_node(walk) && walk->depth;
	case FDT_PROP:
		return property(walk);
	case FDT_NOP:
		return true;
	}
	return false;
}

/**
 * vmanager_seed_refresh - put new random numbers into rng-seed and kaslr-seed of /chosen
 * @tree: where a device tree may be; what is none stays as it is
 * @length: bytes there
 * @fill: writes random bytes
 *
 * Return: how many properties have new values.
 */
unsigned int vmanager_seed_refresh(u8 *tree, size_t length, void (*fill)(void *buffer, size_t length))
{
	struct walk walk = { .tree = tree, .fill = fill };

	if (length < HEADER || big_endian(tree) != FDT_MAGIC)
		return 0;
	walk.length = big_endian(tree + TOTALSIZE);
	walk.at = big_endian(tree + OFF_DT_STRUCT);
	walk.strings = big_endian(tree + OFF_DT_STRINGS);
	if (walk.length > length || walk.at > walk.length)
		return 0;
	while (step(&walk))
		;
	return walk.found;
}
