/* SPDX-License-Identifier: GPL-2.0-only */
/* Differences between the kernels that the driver builds on: 6.1 to 6.12. */
#ifndef VMANAGER_COMPAT_H
#define VMANAGER_COMPAT_H

#include <linux/device.h>
#include <linux/module.h>
#include <linux/version.h>

static inline struct class *vmanager_class_create(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

#endif /* VMANAGER_COMPAT_H */
