/* The planner answers the vectors that Rust and the kernel driver answer; kernels are told from what is none.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"

/* tests/vectors/plan.json as an array `vectors` of { inventory, request, status, says, cpus, memory }. */
#include "plan_vectors.h"

static void planner(void)
{
    size_t succeeded = 0;

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        vman_grant grant = { .size = sizeof(grant) };
        vman_error *error = NULL;
        vman_status status = vman_plan(&vectors[i].inventory, &vectors[i].request, &grant, &error);

        if ((int)status != vectors[i].status || (error && strcmp(vman_error_message(error), vectors[i].says) != 0)) {
            fprintf(stderr, "vector %zu: %s: %s\n", i, vman_status_name((int32_t)status),
                    error ? vman_error_message(error) : "");
            exit(EXIT_FAILURE);
        }
        CHECK(memcmp(grant.cpus, vectors[i].cpus, sizeof(grant.cpus)) == 0);
        CHECK(grant.memory.base == vectors[i].memory.base && grant.memory.length == vectors[i].memory.length);
        succeeded += status == VMAN_STATUS_OK;
        vman_error_free(error);
    }
    CHECK(succeeded > 10);
}

static void bad_arguments(void)
{
    static const vman_range wraps = { 0x1000, UINT64_MAX };
    vman_inventory inventory = { .size = sizeof(inventory), .granule = 4096 };
    vman_request request = { .size = sizeof(request), .cores = 1, .memory = 4096 };
    vman_grant grant = { .size = sizeof(grant) };

    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "inventory", vman_plan(NULL, &request, &grant, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "request", vman_plan(&inventory, NULL, &grant, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "grant", vman_plan(&inventory, &request, NULL, &error));
    request.flags = 4;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "flags", vman_plan(&inventory, &request, &grant, &error));
    request.flags = 0;
    inventory.pool_count = 1;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "pool", vman_plan(&inventory, &request, &grant, &error));
    inventory.pool = &wraps;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "last address", vman_plan(&inventory, &request, &grant, &error));
    inventory.pool_count = SIZE_MAX / 4;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "address space", vman_plan(&inventory, &request, &grant, &error));
    inventory.pool_count = 0;
    inventory.size = 8;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "size", vman_plan(&inventory, &request, &grant, &error));
    CHECK(grant.memory.length == 0);
}

static void put64(uint8_t *place, uint64_t value)
{
    for (int byte = 0; byte < 8; byte++)
        place[byte] = (uint8_t)(value >> (8 * byte));
}

static void kernels(void)
{
    uint8_t head[64] = { 0 };
    vman_kernel kernel = { .size = sizeof(kernel) };

    put64(head + 16, 4u << 20);
    put64(head + 24, 0xa);
    memcpy(head + 56, "ARM\x64", 4);
    DONE(vman_image_check(head, sizeof(head), 3u << 20, &kernel, &error));
    CHECK(kernel.image_size == 4u << 20 && kernel.page_size_kib == 4 && kernel.anywhere == 1);
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "", vman_image_check(head, sizeof(head), 5u << 20, &kernel, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "", vman_image_check(head, 63, 63, &kernel, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "gzip",
            vman_image_check((const uint8_t *)"\x1f\x8b\x08\0\0\0\0\0", 8, 8, &kernel, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "", vman_image_check(NULL, 0, 0, &kernel, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "head", vman_image_check(NULL, 1, 1, &kernel, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "kernel", vman_image_check(head, sizeof(head), 64, NULL, &error));
}

int main(void)
{
    planner();
    bad_arguments();
    kernels();
    return EXIT_SUCCESS;
}
