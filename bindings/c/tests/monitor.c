/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies and reservations. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

static vman_policy_config config_of(int32_t kind)
{
    vman_policy_config config = { .size = sizeof(config) };
    DONE(vman_policy_config_init(kind, 100 * MS, &config, &error));
    return config;
}

/* The first budgets of Figure 24: a task of 10 ms in 100, sampled every 500 ms, with 2 ms at first. */
static void figure_24_begins_as_in_the_document(void)
{
    static const uint64_t wanted_us[] = { 2200, 2200, 2640 };
    static const uint64_t executed_us[] = { 10000, 10000, 11000 };
    vman_policy_config config = config_of(VMAN_POLICY_KIND_SEED);
    vman_policy *policy = NULL;
    size_t i;

    CHECK(config.window == 8 && config.overhead_ppm == 100000 && config.cap_ppm == 800000);
    config.initial_ns = 2 * MS;
    DONE(vman_policy_new(&config, &policy, &error));
    for (i = 0; i < sizeof(wanted_us) / sizeof(wanted_us[0]); i++) {
        vman_sample sample = { .size = sizeof(sample), .executed_ns = executed_us[i] * 1000, .interval_ns = 500 * MS };
        vman_decision decision = { .size = sizeof(decision) };
        DONE(vman_policy_step(policy, &sample, &decision, &error));
        CHECK(decision.runtime_ns == wanted_us[i] * 1000);
        CHECK(((decision.flags & VMAN_DECISION_CHANGED) != 0) == (i != 1));
    }
    DONE(vman_policy_granted(policy, 2 * MS, &error));
    vman_policy_free(policy);
}

static void throttling_is_saturation(void)
{
    vman_policy_config config = config_of(VMAN_POLICY_KIND_SATURATION);
    vman_policy *policy = NULL;
    vman_sample sample = { .size = sizeof(sample), .flags = VMAN_SAMPLE_THROTTLED,
                           .executed_ns = 10 * MS, .throttled_ns = 80 * MS, .interval_ns = 100 * MS };
    vman_decision decision = { .size = sizeof(decision) };

    DONE(vman_policy_new(&config, &policy, &error));
    DONE(vman_policy_step(policy, &sample, &decision, &error));
    CHECK(decision.flags == (VMAN_DECISION_CHANGED | VMAN_DECISION_SATURATED));
    CHECK(decision.runtime_ns == 20 * MS);
    vman_policy_free(policy);
}

static void wrong_arguments_are_refused_by_name(void)
{
    vman_policy_config config = { .size = sizeof(config) };
    vman_policy *policy = NULL;
    vman_reservation *reservation = NULL;
    vman_sample sample = { .size = sizeof(sample), .flags = 2 };
    vman_decision decision = { .size = sizeof(decision) };
    vman_usage usage = { .size = sizeof(usage) };
    const vman_status invalid = VMAN_STATUS_INVALID_ARGUMENT;

    REFUSED(invalid, "0 is no policy", vman_policy_config_init(0, 100 * MS, &config, &error));
    REFUSED(invalid, "config: must not be NULL", vman_policy_config_init(1, 100 * MS, NULL, &error));
    config = config_of(VMAN_POLICY_KIND_PI);
    REFUSED(invalid, "policy: must not be NULL", vman_policy_new(&config, NULL, &error));
    config.window = 0;
    REFUSED(invalid, "A window of 0 samples", vman_policy_new(&config, &policy, &error));
    config = config_of(VMAN_POLICY_KIND_PI);
    config.initial_ns = 200 * MS;
    REFUSED(invalid, "exceeds the deadline", vman_policy_new(&config, &policy, &error));
    config.size = 4;
    REFUSED(invalid, "set it to sizeof", vman_policy_new(&config, &policy, &error));
    config = config_of(VMAN_POLICY_KIND_PI);
    config.reserved = 1;
    REFUSED(invalid, "reserved must be 0", vman_policy_new(&config, &policy, &error));
    CHECK(policy == NULL);
    config.reserved = 0;
    DONE(vman_policy_new(&config, &policy, &error));
    REFUSED(invalid, "unknown bits", vman_policy_step(policy, &sample, &decision, &error));
    REFUSED(invalid, "sample: must not be NULL", vman_policy_step(policy, NULL, &decision, &error));
    REFUSED(invalid, "policy: must not be NULL", vman_policy_granted(NULL, 1, &error));
    vman_policy_free(policy);
    vman_policy_free(NULL);

    REFUSED(invalid, "reservation: must not be NULL", vman_reservation_attach(1, MS, 0, 100 * MS, 0, NULL, &error));
    REFUSED(invalid, "unknown bits", vman_reservation_attach(1, MS, 0, 100 * MS, 8, &reservation, &error));
    REFUSED(invalid, "Runtime of 1ns is below", vman_reservation_attach(1, 1, 0, 100 * MS, 0, &reservation, &error));
    REFUSED(invalid, "exceeds the period", vman_reservation_attach(1, MS, 200 * MS, 100 * MS, 0, &reservation, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "has ended",
            vman_reservation_attach(4194305, MS, 0, 100 * MS, 0, &reservation, &error));
    REFUSED(invalid, "reservation: must not be NULL", vman_reservation_set(NULL, MS, &error));
    REFUSED(invalid, "reservation: must not be NULL", vman_reservation_usage(NULL, &usage, &error));
    REFUSED(invalid, "reservation: must not be NULL", vman_reservation_release(NULL, &error));
    CHECK(reservation == NULL);
    vman_reservation_free(NULL);
}

static pid_t sleeping(void)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0)
        execlp("sleep", "sleep", "1000", (char *)NULL);
    return child;
}

/* False where this machine gives no reservations. */
static bool a_thread_is_attached_set_read_and_released(void)
{
    pid_t child = sleeping();
    vman_reservation *reservation = NULL;
    vman_error *why = NULL;
    vman_usage usage = { .size = sizeof(usage) };
    vman_status status = vman_reservation_attach((uint32_t)child, 5 * MS, 0, 100 * MS,
                                                 VMAN_RESERVATION_RECLAIM, &reservation, &why);

    if (status != VMAN_STATUS_OK) {
        printf("SKIPPED: reservations from C: %s\n", vman_error_message(why));
        vman_error_free(why);
    } else {
        DONE(vman_reservation_usage(reservation, &usage, &error));
        CHECK(usage.runtime_ns == 5 * MS && usage.period_ns == 100 * MS && usage.executed_ns > 0);
        DONE(vman_reservation_set(reservation, 7 * MS, &error));
        REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "exceeds the deadline",
                vman_reservation_set(reservation, 101 * MS, &error));
        DONE(vman_reservation_usage(reservation, &usage, &error));
        CHECK(usage.runtime_ns == 7 * MS);
        DONE(vman_reservation_release(reservation, &error));
        REFUSED(VMAN_STATUS_INVALID_STATE, "was released", vman_reservation_release(reservation, &error));
        REFUSED(VMAN_STATUS_INVALID_STATE, "was released", vman_reservation_set(reservation, 7 * MS, &error));
        vman_reservation_free(reservation);
    }
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    return status == VMAN_STATUS_OK;
}

static void a_thread_that_has_ended_is_not_found(void)
{
    pid_t child = sleeping();
    vman_reservation *reservation = NULL;
    vman_usage usage = { .size = sizeof(usage) };

    DONE(vman_reservation_attach((uint32_t)child, 5 * MS, 0, 100 * MS, 0, &reservation, &error));
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    REFUSED(VMAN_STATUS_NOT_FOUND, "has ended", vman_reservation_usage(reservation, &usage, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "has ended", vman_reservation_set(reservation, 6 * MS, &error));
    vman_reservation_free(reservation);
}

static void the_calling_thread_is_attached_and_freeing_releases(void)
{
    vman_reservation *reservation = NULL;
    pid_t child;

    DONE(vman_reservation_attach(0, 50 * MS, 0, 100 * MS, VMAN_RESERVATION_RECLAIM, &reservation, &error));
    /* A process under a reservation can still make others, which begin without one. */
    child = sleeping();
    vman_reservation_free(reservation);
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
}

int main(void)
{
    figure_24_begins_as_in_the_document();
    throttling_is_saturation();
    wrong_arguments_are_refused_by_name();
    if (a_thread_is_attached_set_read_and_released()) {
        a_thread_that_has_ended_is_not_found();
        the_calling_thread_is_attached_and_freeing_releases();
    }
    return 0;
}
