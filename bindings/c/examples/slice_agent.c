/* Loads trained agents and lets them share a CPU of 40 GHz, with the arbiter between them and harm.
 *
 *   slice_agent FILE.safetensors
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include <vman.h>

enum { SLICES = 3, MESSAGES = 4, OWN = 8, FEATURES = OWN + (SLICES - 1) * MESSAGES, STEPS = 10 };

static const double percent[VMAN_AGENT_LEVELS] = { 25, 75, 100, 150, 200 };
static const double share_ghz[SLICES] = { 15, 15, 10 };

static void check(vman_status status, vman_error *error)
{
    if (status != VMAN_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", vman_status_name((int32_t)status), vman_error_message(error));
        vman_error_free(error);
        exit(EXIT_FAILURE);
    }
}

/* A real service measures these: arrivals, both queues, radio, grant, claim, used part, conflict; then the messages of the
 * others, one place for each message that each of them may send. */
static void observe(int slice, int step, const double *granted_ghz, const uint32_t *messages, float *features)
{
    for (int i = 0; i < FEATURES; i++)
        features[i] = 0;
    features[0] = (float)((step * 7 + slice * 3) % 10) / 10;
    features[3] = 1;
    features[4] = (float)(granted_ghz[slice] / 40);
    for (int other = 0, sender = 0; other < SLICES; other++)
        if (other != slice)
            features[OWN + MESSAGES * sender++ + (int)messages[other]] = 1;
}

int main(int argc, char **argv)
{
    vman_agent *agent = NULL;
    vman_arbiter *arbiter = NULL;
    vman_error *error = NULL;
    uint32_t messages[SLICES] = { 0 };
    double granted_ghz[SLICES] = { 0 };

    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.safetensors\n", argv[0]);
        return EXIT_FAILURE;
    }
    check(vman_agent_load(argv[1], &agent, &error), error);
    check(vman_arbiter_new(&arbiter, &error), error);
    if (vman_agent_features(agent) != FEATURES) {
        fprintf(stderr, "this agent needs %zu features, not %d\n", vman_agent_features(agent), FEATURES);
        return EXIT_FAILURE;
    }
    printf("step  levels  granted GHz\n");
    for (int step = 0; step < STEPS; step++) {
        vman_claim claims[SLICES];
        uint32_t levels[SLICES], heard[SLICES];
        uint64_t grants[SLICES];

        for (int slice = 0; slice < SLICES; slice++) {
            float features[FEATURES];

            observe(slice, step, granted_ghz, messages, features);
            check(vman_agent_act(agent, features, FEATURES, VMAN_AGENT_ALL_LEVELS, &levels[slice], &heard[slice], &error),
                  error);
            claims[slice].share = (uint64_t)(share_ghz[slice] * 1e9);
            claims[slice].amount = (uint64_t)(share_ghz[slice] * percent[levels[slice]] * 1e7);
            claims[slice].demand = VMAN_DEMAND_UNKNOWN;
        }
        check(vman_arbiter_share(arbiter, claims, SLICES, grants, NULL, &error), error);
        for (int slice = 0; slice < SLICES; slice++) {
            granted_ghz[slice] = (double)grants[slice] / 1e9;
            messages[slice] = heard[slice];
        }
        printf("%4d  %u %u %u  %5.2f %5.2f %5.2f\n", step, levels[0], levels[1], levels[2], granted_ghz[0], granted_ghz[1],
               granted_ghz[2]);
    }
    vman_arbiter_free(arbiter);
    vman_agent_free(agent);
    return EXIT_SUCCESS;
}
