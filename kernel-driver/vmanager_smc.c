// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls to the firmware. No call takes long; what needs time answers PENDING and is watched, asleep.
 */
#include <linux/arm-smccc.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>

#include "vmanager_driver.h"

static void call(u32 function, const u64 in[7], u64 out[4])
{
	struct arm_smccc_res result;
	unsigned int cpu = get_cpu();

	arm_smccc_smc(function, in[0], in[1], in[2], in[3], in[4], in[5], in[6], &result);
	out[0] = result.a0;
	out[1] = result.a1;
	out[2] = result.a2;
	out[3] = result.a3;
	vmanager_trace(vmanager_board_cpu(cpu), function, in, out);
	put_cpu();
}

/* The errno of a refusal, by its number without sign. */
static int refusal(u64 code)
{
	switch (code) {
	case VMANAGER_SMC_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case VMANAGER_SMC_INVALID_PARAMETERS:
		return -EINVAL;
	case VMANAGER_SMC_DENIED:
		return -EPERM;
	case VMANAGER_SMC_BUSY:
		return -EBUSY;
	case VMANAGER_SMC_INVALID_STATE:
	case VMANAGER_SMC_FAULTED:
		return -EBADFD;
	case VMANAGER_SMC_NO_RESOURCES:
	case VMANAGER_SMC_OVERLAP:
		return -ENOSPC;
	case VMANAGER_SMC_NOT_FOUND:
		return -ENODEV;
	default:
		return -EREMOTEIO;
	}
}

/**
 * vmanager_smc - call the firmware
 * @function: VMANAGER_SMC_*
 * @regs: arguments, and results if it is not refused
 * @why: header to note a refusal in
 *
 * Return: 0, %VMANAGER_SMC_PENDING, or a negative errno.
 */
int vmanager_smc(u32 function, struct vmanager_regs *regs, struct vmanager_header *why)
{
	u64 out[4];

	call(function, regs->in, out);
	if (out[0] != 0 && out[0] != VMANAGER_SMC_PENDING)
		return vmanager_refuse(why, refusal(-out[0]), VMANAGER_REASON_FIRMWARE, out[0], function);
	regs->out[0] = out[1];
	regs->out[1] = out[2];
	regs->out[2] = out[3];
	return (int)out[0];
}

/**
 * vmanager_smc_query - a call with at most two arguments
 * @function: VMANAGER_SMC_*
 * @a: x1
 * @b: x2
 * @out: x1..x3 of the answer; may be NULL
 * @why: header to note a refusal in
 *
 * Return: as vmanager_smc().
 */
int vmanager_smc_query(u32 function, u64 a, u64 b, u64 out[3], struct vmanager_header *why)
{
	struct vmanager_regs regs = { .in = { a, b } };
	int err = vmanager_smc(function, &regs, why);

	if (err >= 0 && out)
		memcpy(out, regs.out, sizeof(regs.out));
	return err;
}

/**
 * vmanager_smc_status - state of a partition
 * @id: the partition
 * @status: x1 of page STATUS
 * @why: header to note a refusal in
 *
 * Return: 0 or a negative errno.
 */
int vmanager_smc_status(u32 id, u64 *status, struct vmanager_header *why)
{
	u64 out[3];
	int err = vmanager_smc_query(VMANAGER_SMC_PART_INFO, id, VMANAGER_SMC_INFO_STATUS, out, why);

	if (err == -ENODEV)
		return vmanager_refuse(why, err, VMANAGER_REASON_NO_PARTITION, id, 0);
	if (err)
		return err;
	*status = out[0];
	return 0;
}

/**
 * vmanager_smc_pending - operation that the firmware has under way
 * @status: x1 of page STATUS
 *
 * Return: VMANAGER_OPERATION_*.
 */
u32 vmanager_smc_pending(u64 status)
{
	switch (VMANAGER_SMC_STATUS_PENDING(status)) {
	case VMANAGER_SMC_PENDING_SHUTDOWN:
		return VMANAGER_OPERATION_SHUTDOWN;
	case VMANAGER_SMC_PENDING_SUSPEND:
		return VMANAGER_OPERATION_SUSPEND;
	case VMANAGER_SMC_PENDING_DESTROY:
		return VMANAGER_OPERATION_DESTROY;
	default:
		return VMANAGER_OPERATION_NONE;
	}
}

/* First short sleeps, for an operation takes about 100 microseconds if the partition is well, then one tick each. */
#define SHORT_ROUNDS 20
#define SHORT_US 100

/**
 * vmanager_smc_pause - sleep before asking the firmware again
 * @round: number of the pause, starts at 0
 * @deadline: in jiffies
 *
 * Return: false if it is too late, or if a fatal signal is pending.
 */
bool vmanager_smc_pause(unsigned int *round, unsigned long deadline)
{
	if (time_after_eq(jiffies, deadline) || fatal_signal_pending(current))
		return false;
	if ((*round)++ < SHORT_ROUNDS)
		usleep_range(SHORT_US, 2 * SHORT_US);
	else
		schedule_timeout_killable(1);
	return true;
}

/**
 * vmanager_smc_wait - wait until nothing is pending on a partition
 * @id: the partition
 * @state: wanted state: the wait ends with it; 0 for any
 * @deadline: in jiffies
 * @status: x1 of page STATUS
 * @why: header to note a refusal in
 *
 * Return: 0, -ETIME if it is too late, -EINTR for a fatal signal, or the errno of a refusal.
 */
int vmanager_smc_wait(u32 id, u32 state, unsigned long deadline, u64 *status, struct vmanager_header *why)
{
	unsigned int round = 0;
	int err;

	for (;;) {
		err = vmanager_smc_status(id, status, why);
		if (err)
			return err;
		if (VMANAGER_SMC_STATUS_STATE(*status) == state)
			return 0;
		if (VMANAGER_SMC_STATUS_PENDING(*status) == VMANAGER_SMC_PENDING_NONE)
			return 0;
		if (!vmanager_smc_pause(&round, deadline))
			return fatal_signal_pending(current) ? -EINTR : -ETIME;
	}
}

static bool is_vmanager(void)
{
	const u64 none[7] = {};
	u64 uid[4];

	call(VMANAGER_SMC_CALL_UID, none, uid);
	return uid[0] == VMANAGER_SMC_UID_0 && uid[1] == VMANAGER_SMC_UID_1 && uid[2] == VMANAGER_SMC_UID_2 &&
	       uid[3] == VMANAGER_SMC_UID_3;
}

/**
 * vmanager_smc_probe - look for the firmware's service
 *
 * Return: 0, or -ENODEV with the reason in the kernel's log.
 */
int vmanager_smc_probe(void)
{
	struct vmanager_header why = {};
	u64 out[3];
	int err;

	if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_SMC || arm_smccc_get_version() < ARM_SMCCC_VERSION_1_1) {
		pr_err("firmware does not speak SMC Calling Convention 1.1 by SMC\n");
		return -ENODEV;
	}
	if (!is_vmanager()) {
		pr_err("firmware has no vManager service\n");
		return -ENODEV;
	}
	err = vmanager_smc_query(VMANAGER_SMC_VERSION, 0, 0, out, &why);
	if (err || out[0] >> 16 != VMANAGER_SMC_ABI_VERSION >> 16) {
		pr_err("vManager service has version %#llx, driver speaks %#x\n", err ? why.detail[0] : out[0],
		       VMANAGER_SMC_ABI_VERSION);
		return -ENODEV;
	}
	vmanager_board.firmware = out[0];
	vmanager_board.slots = min_t(u64, out[1], VMANAGER_PARTITIONS_MAX);
	return 0;
}
