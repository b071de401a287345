/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * budget TID [SAMPLES]: finds the SCHED_DEADLINE budget that a thread needs, sample by sample, and lets the thread go
 * at the end.
 *
 * cc budget.c $(pkg-config --cflags --libs vman) -o budget
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vman.h>

#define PERIOD_NS UINT64_C(100000000)

static int failed(const char *what, vman_error *error)
{
    fprintf(stderr, "%s: %s\n", what, vman_error_message(error));
    vman_error_free(error);
    return EXIT_FAILURE;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One sample after another: what was used since the last one, and the budget for what comes. */
static vman_status follow(vman_reservation *reservation, vman_policy *policy, int samples, vman_error **error)
{
    vman_usage before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
    uint64_t then = now_ns();
    vman_status status = vman_reservation_usage(reservation, &before, error);

    while (status == VMAN_STATUS_OK && samples-- > 0) {
        const struct timespec pause = { .tv_nsec = PERIOD_NS };
        vman_sample sample = { .size = sizeof(sample), .flags = VMAN_SAMPLE_THROTTLED };
        vman_decision decision = { .size = sizeof(decision) };
        uint64_t now;

        nanosleep(&pause, NULL);
        now = now_ns();
        status = vman_reservation_usage(reservation, &after, error);
        if (status != VMAN_STATUS_OK)
            break;
        sample.executed_ns = after.executed_ns - before.executed_ns;
        sample.throttled_ns = after.waited_ns - before.waited_ns;
        sample.interval_ns = now - then;
        before = after;
        then = now;
        status = vman_policy_step(policy, &sample, &decision, error);
        if (status == VMAN_STATUS_OK && decision.flags & VMAN_DECISION_CHANGED)
            status = vman_reservation_set(reservation, decision.runtime_ns, error);
        printf("used %" PRIu64 " us, budget %" PRIu64 " us%s\n", sample.executed_ns / 1000,
               decision.runtime_ns / 1000, decision.flags & VMAN_DECISION_SATURATED ? ", saturated" : "");
    }
    return status;
}

int main(int argc, char **argv)
{
    vman_policy_config config = { .size = sizeof(config) };
    vman_policy *policy = NULL;
    vman_reservation *reservation = NULL;
    vman_error *error = NULL;
    int samples = argc > 2 ? atoi(argv[2]) : 50;
    int result = EXIT_SUCCESS;

    if (argc < 2) {
        fprintf(stderr, "usage: %s TID [SAMPLES]\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (vman_policy_config_init(VMAN_POLICY_KIND_SATURATION, PERIOD_NS, &config, &error) != VMAN_STATUS_OK
        || vman_policy_new(&config, &policy, &error) != VMAN_STATUS_OK)
        return failed("policy", error);
    if (vman_reservation_attach((uint32_t)atol(argv[1]), config.initial_ns, 0, PERIOD_NS, VMAN_RESERVATION_RECLAIM,
                                &reservation, &error) != VMAN_STATUS_OK)
        result = failed("attach", error);
    else if (follow(reservation, policy, samples, &error) != VMAN_STATUS_OK)
        result = failed("thread", error);
    vman_reservation_free(reservation);
    vman_policy_free(policy);
    return result;
}
