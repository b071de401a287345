/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A promise that does not hold is printed with its place and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vman.h>

#define CHECK(promise)                                                            \
    do {                                                                          \
        if (!(promise)) {                                                         \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #promise); \
            exit(EXIT_FAILURE);                                                   \
        }                                                                         \
    } while (0)

/* The call succeeds; what it says instead is printed. */
#define DONE(call)                                                                     \
    do {                                                                               \
        vman_error *error = NULL;                                                      \
        vman_status status_ = (call);                                                  \
        if (status_ != VMAN_STATUS_OK) {                                               \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call,          \
                    vman_status_name((int32_t)status_), vman_error_message(error));    \
            exit(EXIT_FAILURE);                                                        \
        }                                                                              \
        CHECK(error == NULL);                                                          \
    } while (0)

/* The call is refused with `wanted` and a text that contains `clause`; the error object agrees. */
#define REFUSED(wanted, clause, call)                                                  \
    do {                                                                               \
        vman_error *error = NULL;                                                      \
        vman_status status_ = (call);                                                  \
        if (status_ != (wanted) || error == NULL || vman_error_status(error) != status_ \
            || strstr(vman_error_message(error), (clause)) == NULL) {                  \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call,          \
                    vman_status_name((int32_t)status_),                                \
                    error ? vman_error_message(error) : "(no error object)");          \
            exit(EXIT_FAILURE);                                                        \
        }                                                                              \
        vman_error_free(error);                                                        \
    } while (0)

#endif
