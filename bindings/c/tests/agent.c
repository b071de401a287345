/* Agents decide as the shared vectors say, the arbiter keeps the total, and bad arguments are named.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"

#include <math.h>

/* tests/vectors/agent.json as an array `cases` of { observation, values, level, message, within }, numbers as bits. */
#include "agent_vectors.h"

#define COUNT (sizeof(cases) / sizeof(cases[0]))

static void golden(const vman_agent *agent)
{
    for (size_t i = 0; i < COUNT; i++) {
        float observation[16], values[9];
        uint32_t level = 99, message = 99;

        memcpy(observation, cases[i].observation, sizeof(observation));
        DONE(vman_agent_values(agent, observation, 16, values, 9, &error));
        CHECK(memcmp(values, cases[i].values, sizeof(values)) == 0);
        DONE(vman_agent_act(agent, observation, 16, VMAN_AGENT_ALL_LEVELS, &level, &message, &error));
        CHECK(level == cases[i].level && message == cases[i].message);
        DONE(vman_agent_act(agent, observation, 16, 7, &level, &message, &error));
        CHECK(level == cases[i].within && level < 3);
    }
}

static void bad_observations(const vman_agent *agent)
{
    float observation[16] = { 0 }, values[8];
    uint32_t level = 99, message = 99;

    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "15 features, the agent needs 16",
            vman_agent_act(agent, observation, 15, VMAN_AGENT_ALL_LEVELS, &level, &message, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "observation",
            vman_agent_act(agent, NULL, 16, VMAN_AGENT_ALL_LEVELS, &level, &message, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "unknown bits",
            vman_agent_act(agent, observation, 16, 32, &level, &message, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "allows no level",
            vman_agent_act(agent, observation, 16, 0, &level, &message, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "level",
            vman_agent_act(agent, observation, 16, VMAN_AGENT_ALL_LEVELS, NULL, &message, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "agent",
            vman_agent_act(NULL, observation, 16, VMAN_AGENT_ALL_LEVELS, &level, &message, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "8 places of memory, 9 are needed",
            vman_agent_values(agent, observation, 16, values, 8, &error));
    observation[3] = NAN;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "Feature 3",
            vman_agent_act(agent, observation, 16, VMAN_AGENT_ALL_LEVELS, &level, &message, &error));
    observation[3] = INFINITY;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "Feature 3",
            vman_agent_values(agent, observation, 16, values, 8, &error));
    CHECK(level == 99 && message == 99);
}

/* Every prefix of the file, and the file itself in memory. */
static void files(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t count = fread(bytes, 1, sizeof(bytes), file);
    vman_agent *agent = NULL;

    fclose(file);
    DONE(vman_agent_read(bytes, count, &agent, &error));
    CHECK(vman_agent_features(agent) == 16 && vman_agent_messages(agent) == 4);
    golden(agent);
    vman_agent_free(agent);
    agent = NULL;
    for (size_t cut = 0; cut < count; cut += 97)
        REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "", vman_agent_read(bytes, cut, &agent, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "bytes", vman_agent_read(NULL, 8, &agent, &error));
    REFUSED(VMAN_STATUS_NOT_FOUND, "/nowhere", vman_agent_load("/nowhere", &agent, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "safetensors", vman_agent_load("/dev/null", &agent, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "path", vman_agent_load(NULL, &agent, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "agent", vman_agent_load(path, NULL, &error));
    CHECK(agent == NULL && vman_agent_features(NULL) == 0 && vman_agent_messages(NULL) == 0);
    vman_agent_free(NULL);
}

static void arbiter(void)
{
    vman_claim claims[3] = {
        { 15, 5, VMAN_DEMAND_UNKNOWN }, { 15, 22, VMAN_DEMAND_UNKNOWN }, { 10, 20, VMAN_DEMAND_UNKNOWN },
    };
    uint64_t grants[3] = { 0 };
    size_t trimmed = 99;
    vman_arbiter *arbiter = NULL;

    DONE(vman_arbiter_new(&arbiter, &error));
    DONE(vman_arbiter_share(arbiter, claims, 3, grants, &trimmed, &error));
    CHECK(grants[0] == 5 && grants[1] == 22 && grants[2] == 13 && trimmed == 1);
    /* The turn has moved behind the second slice. */
    DONE(vman_arbiter_share(arbiter, claims, 3, grants, NULL, &error));
    CHECK(grants[0] == 5 && grants[1] == 15 && grants[2] == 20);
    DONE(vman_arbiter_share(arbiter, NULL, 0, NULL, &trimmed, &error));
    CHECK(trimmed == 0);
    claims[0].share = UINT64_MAX;
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "64 bits", vman_arbiter_share(arbiter, claims, 3, grants, NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "claims", vman_arbiter_share(arbiter, NULL, 3, grants, NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "grants", vman_arbiter_share(arbiter, claims, 3, NULL, NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "arbiter", vman_arbiter_share(NULL, claims, 3, grants, NULL, &error));
    REFUSED(VMAN_STATUS_INVALID_ARGUMENT, "arbiter", vman_arbiter_new(NULL, &error));
    vman_arbiter_free(arbiter);
    vman_arbiter_free(NULL);
}

int main(int argc, char **argv)
{
    vman_agent *agent = NULL;

    CHECK(argc == 2);
    DONE(vman_agent_load(argv[1], &agent, &error));
    golden(agent);
    bad_observations(agent);
    vman_agent_free(agent);
    files(argv[1]);
    arbiter();
    return 0;
}
