/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * The state machine of a partition (source document, Figure 19), as vman_core::state has it; tests/abi compares the
 * two. Pure: also compiled in user space.
 */
#ifndef VMANAGER_STATE_H
#define VMANAGER_STATE_H

#include "include/uapi/vmanager.h"

/* What allows an operation, one bit per VMANAGER_STATE_*. */
static inline unsigned int vmanager_operation_states(unsigned int operation)
{
	switch (operation) {
	case VMANAGER_OPERATION_DEPLOY:
	case VMANAGER_OPERATION_DESTROY:
		return 1u << VMANAGER_STATE_READY;
	case VMANAGER_OPERATION_SHUTDOWN:
		return 1u << VMANAGER_STATE_DEPLOYED | 1u << VMANAGER_STATE_SUSPENDED;
	case VMANAGER_OPERATION_REBOOT:
	case VMANAGER_OPERATION_SUSPEND:
		return 1u << VMANAGER_STATE_DEPLOYED;
	case VMANAGER_OPERATION_RESTORE:
		return 1u << VMANAGER_STATE_SUSPENDED;
	default:
		return 0;
	}
}

/**
 * vmanager_state_refuses - whether a partition refuses an operation
 * @state: VMANAGER_STATE_*
 * @condition: VMANAGER_CONDITION_*; a faulted partition takes shutdown and reboot only
 * @operation: VMANAGER_OPERATION_*
 *
 * Return: VMANAGER_REASON_NONE, VMANAGER_REASON_STATE or VMANAGER_REASON_FAULTED.
 */
static inline unsigned int vmanager_state_refuses(unsigned int state, unsigned int condition, unsigned int operation)
{
	if (state > VMANAGER_STATE_SUSPENDED || !(vmanager_operation_states(operation) >> state & 1))
		return VMANAGER_REASON_STATE;
	if (condition == VMANAGER_CONDITION_FAULTED && operation != VMANAGER_OPERATION_SHUTDOWN &&
	    operation != VMANAGER_OPERATION_REBOOT)
		return VMANAGER_REASON_FAULTED;
	return VMANAGER_REASON_NONE;
}

#endif /* VMANAGER_STATE_H */
