/*
 * vman_monitor_json.c: JSON commands to vmand
 *
 * This library is free software; you can redistribute it and/or
 * modify it under the terms of the GNU Lesser General Public
 * License as published by the Free Software Foundation; either
 * version 2.1 of the License, or (at your option) any later version.
 *
 * This library is distributed in the hope that it will be useful,
 * but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the GNU
 * Lesser General Public License for more details.
 *
 * You should have received a copy of the GNU Lesser General Public
 * License along with this library.  If not, see
 * <http://www.gnu.org/licenses/>.
 */

#include <config.h>

#include "vman_conf.h"
#include "vman_error.h"
#include "vman_monitor_json.h"
#include "virerror.h"
#include "virlog.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_monitor_json");

/**
 * virVMANMonitorJSONMakeCommand:
 * @name: a command of vmand's protocol
 * @...: pairs of "t:name" and value as for virJSONValueObjectAdd, then NULL
 *
 * Returns {"command": name, "args": {...}}, or NULL with an error reported.
 */
virJSONValue *
virVMANMonitorJSONMakeCommand(const char *name,
                              ...)
{
    g_autoptr(virJSONValue) cmd = NULL;
    g_autoptr(virJSONValue) args = virJSONValueNewObject();
    va_list ap;
    int rc;

    va_start(ap, name);
    rc = virJSONValueObjectAddVArgs(&args, ap);
    va_end(ap);

    if (rc < 0 ||
        virJSONValueObjectAdd(&cmd,
                              "s:command", name,
                              "a:args", &args,
                              NULL) < 0)
        return NULL;

    return g_steal_pointer(&cmd);
}


/**
 * virVMANMonitorJSONCommand:
 * @mon: connections to vmand
 * @cmd: the command
 * @reply: where the reply goes, also if it is a refusal
 *
 * Returns 0 if vmand has answered, -1 with an error reported if not.
 */
int
virVMANMonitorJSONCommand(virVMANMonitor *mon,
                          virJSONValue *cmd,
                          virJSONValue **reply)
{
    g_autofree char *text = NULL;
    char *answer = NULL;
    vman_error *error = NULL;
    vman_client *client;
    vman_status status;

    if (!(text = virJSONValueToString(cmd, false)) ||
        !(client = virVMANMonitorAcquire(mon)))
        return -1;

    VIR_DEBUG("mon=%p send=%s", mon, text);
    status = vman_client_call(client, text, &answer, &error);
    virVMANMonitorRelease(mon, client, status);

    if (status != VMAN_STATUS_OK)
        return virVMANMonitorReport(mon, status, error);

    VIR_DEBUG("mon=%p reply=%s", mon, answer);
    *reply = virJSONValueFromString(answer);
    vman_string_free(answer);

    return *reply ? 0 : -1;
}


/**
 * virVMANMonitorJSONCheckErrorFull:
 * @cmd: the command
 * @reply: its reply
 * @report: whether a refusal is reported as libvirt's error
 *
 * Returns 0 for {"return": ...}, -1 for a refusal and for what is neither.
 */
int
virVMANMonitorJSONCheckErrorFull(virJSONValue *cmd,
                                 virJSONValue *reply,
                                 bool report)
{
    g_autofree char *text = virJSONValueToString(reply, false);
    vman_error *error = NULL;
    vman_status status;

    if (!text)
        return -1;

    status = vman_reply_check(text, &error);
    if (status == VMAN_STATUS_OK)
        return 0;

    VIR_DEBUG("command '%s' refused: %s",
              virJSONValueObjectGetString(cmd, "command"), text);
    if (report)
        virVMANErrorReport(status, vman_error_message(error));
    vman_error_free(error);
    return -1;
}
