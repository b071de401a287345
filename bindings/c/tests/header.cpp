// vman.h is C++ too.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#include <vman.h>

#include <cstring>

int main()
{
    vman_partition partition = {};
    partition.size = sizeof(partition);
    vman_state next = VMAN_STATE_NONE;
    if (vman_state_after(VMAN_STATE_READY, VMAN_CONDITION_RUNNING, VMAN_OPERATION_DEPLOY, &next, nullptr) != VMAN_STATUS_OK)
        return 1;
    return next == VMAN_STATE_DEPLOYED && std::strlen(vman_version()) > 0 ? 0 : 1;
}
