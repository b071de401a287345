/*
 * vman_monitor_json.h: JSON commands to vmand
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

#pragma once

#include "virjson.h"
#include "vman_monitor.h"

virJSONValue *
virVMANMonitorJSONMakeCommand(const char *name,
                              ...) G_GNUC_NULL_TERMINATED;

int
virVMANMonitorJSONCommand(virVMANMonitor *mon,
                          virJSONValue *cmd,
                          virJSONValue **reply);

int
virVMANMonitorJSONCheckErrorFull(virJSONValue *cmd,
                                 virJSONValue *reply,
                                 bool report);
