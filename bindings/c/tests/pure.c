/* What needs no daemon: versions, names, the state table, checks of lines.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"

/* tests/vectors/protocol.json as arrays of `struct vector { json, status, name, says }`. */
#include "vectors.h"

static void versions(void)
{
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", VMAN_VERSION_MAJOR, VMAN_VERSION_MINOR, VMAN_VERSION_PATCH);
    CHECK(strcmp(text, vman_version()) == 0);
    CHECK(vman_abi_version() == VMAN_ABI_VERSION);
}

static void names(void)
{
    vman_status status = VMAN_STATUS_OK;

    for (int32_t number = VMAN_STATUS_OK; number <= VMAN_STATUS_ALREADY_EXISTS; number++) {
        CHECK(vman_status_name(number) != NULL);
        CHECK(vman_status_describe(number) != NULL);
        if (number == VMAN_STATUS_OK)
            continue;
        DONE(vman_status_from_class(vman_status_name(number), &status, &error));
        CHECK((int32_t)status == number);
    }
    CHECK(strcmp(vman_status_name(VMAN_STATUS_PANIC), "Panic") == 0);
    CHECK(vman_status_name(-1) == NULL && vman_status_name(14) == NULL && vman_status_describe(99) == NULL);
    CHECK(vman_status_is_temporary(VMAN_STATUS_BUSY) && !vman_status_is_temporary(VMAN_STATUS_NOT_FOUND));
    DONE(vman_status_from_class("ClassOfTomorrow", &status, &error));
    CHECK(status == VMAN_STATUS_INTERNAL);
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "class", vman_status_from_class(NULL, &status, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "status", vman_status_from_class("Busy", NULL, &error));
    CHECK(strcmp(vman_state_name(VMAN_STATE_SUSPENDED), "SUSPENDED") == 0);
    CHECK(vman_state_name(VMAN_STATE_NONE) == NULL && vman_state_name(4) == NULL && vman_state_name(-1) == NULL);
    CHECK(strcmp(vman_operation_name(VMAN_OPERATION_DESTROY), "destroy-partition") == 0);
    CHECK(vman_operation_name(VMAN_OPERATION_NONE) == NULL && vman_operation_name(7) == NULL);
}

#define REFUSAL (-1)

/* Rows: READY, DEPLOYED, SUSPENDED; columns: deploy, shutdown, reboot, suspend, restore, destroy-partition. */
static void state_table(void)
{
    static const int table[3][6] = {
        { VMAN_STATE_DEPLOYED, REFUSAL, REFUSAL, REFUSAL, REFUSAL, VMAN_STATE_NONE },
        { REFUSAL, VMAN_STATE_READY, VMAN_STATE_DEPLOYED, VMAN_STATE_SUSPENDED, REFUSAL, REFUSAL },
        { REFUSAL, VMAN_STATE_READY, REFUSAL, REFUSAL, VMAN_STATE_DEPLOYED, REFUSAL },
    };

    for (int32_t state = VMAN_STATE_READY; state <= VMAN_STATE_SUSPENDED; state++) {
        for (int32_t operation = VMAN_OPERATION_DEPLOY; operation <= VMAN_OPERATION_DESTROY; operation++) {
            int expected = table[state - VMAN_STATE_READY][operation - VMAN_OPERATION_DEPLOY];
            vman_state next = (vman_state)77;

            if (expected == REFUSAL) {
                REFUSED(VMAN_STATUS_INVALID_STATE, vman_state_name(state),
                        vman_state_after(state, VMAN_CONDITION_RUNNING, operation, &next, &error));
                CHECK((int)next == 77);
            } else {
                DONE(vman_state_after(state, VMAN_CONDITION_RUNNING, operation, &next, &error));
                CHECK((int)next == expected);
            }
        }
    }
}

static void wrong_enumerations(void)
{
    vman_state next = VMAN_STATE_NONE;

    for (int32_t number = -2; number <= 100; number += 51) {
        REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "vman_state",
                vman_state_after(number, 0, VMAN_OPERATION_DEPLOY, &next, &error));
        REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "vman_condition",
                vman_state_after(VMAN_STATE_READY, number, VMAN_OPERATION_DEPLOY, &next, &error));
        REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "vman_operation",
                vman_state_after(VMAN_STATE_READY, 0, number, &next, &error));
    }
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "vman_state", vman_state_after(0, 0, 1, &next, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "vman_operation", vman_state_after(1, 0, 0, &next, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "next", vman_state_after(1, 0, 1, NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "faulted",
            vman_state_after(VMAN_STATE_DEPLOYED, VMAN_CONDITION_FAULTED, VMAN_OPERATION_SUSPEND, &next, &error));
    DONE(vman_state_after(VMAN_STATE_DEPLOYED, VMAN_CONDITION_FAULTED, VMAN_OPERATION_REBOOT, &next, &error));
    CHECK(next == VMAN_STATE_DEPLOYED);
}

typedef vman_status (*check)(const char *, vman_error **);

/* Status and text of each line are those that the vector says. */
static size_t wrong_lines(const struct vector *vectors, size_t count, check call)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        vman_error *error = NULL;
        vman_status status = call(vectors[i].json, &error);
        const char *text = error ? vman_error_message(error) : "";

        if ((int)status != vectors[i].status || strstr(text, vectors[i].says) == NULL) {
            fprintf(stderr, "%s: %s: %s\n", vectors[i].name, vman_status_name((int32_t)status), text);
            wrong++;
        }
        vman_error_free(error);
    }
    return wrong;
}

static void vectors(void)
{
    CHECK(wrong_lines(requests, sizeof(requests) / sizeof(requests[0]), vman_command_check) == 0);
    CHECK(wrong_lines(replies, sizeof(replies) / sizeof(replies[0]), vman_reply_check) == 0);
}

static void lines(void)
{
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "command_json", vman_command_check(NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "UTF-8", vman_command_check("\xff", &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "Argument id", vman_command_check(
        "{\"command\":\"suspend\",\"args\":{\"id\":-1}}", &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "reply_json", vman_reply_check(NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_STATE, "Partition 3 is DEPLOYED", vman_reply_check(
        "{\"error\":{\"class\":\"InvalidState\",\"desc\":\"Partition 3 is DEPLOYED\"}}", &error));
}

static void nothing_to_free(void)
{
    vman_error_free(NULL);
    vman_string_free(NULL);
    vman_client_free(NULL);
    vman_partitions_free(NULL);
    vman_stats_free(NULL);
    vman_events_free(NULL);
    vman_console_free(NULL);
    CHECK(vman_error_message(NULL) == NULL && vman_error_status(NULL) == VMAN_STATUS_OK);
    CHECK(vman_partitions_count(NULL) == 0 && vman_stats_count(NULL) == 0 && vman_events_fd(NULL) == -1);
    CHECK(vman_console_fd(NULL) == -1 && !vman_client_is_idle(NULL));
}

int main(void)
{
    versions();
    names();
    state_table();
    wrong_enumerations();
    vectors();
    lines();
    nothing_to_free();
    return EXIT_SUCCESS;
}
