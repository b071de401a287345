/*
 * vman_namespace.c: the vman namespace of domain XML
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
#include "vman_namespace.h"
#include "viralloc.h"
#include "virbuffer.h"
#include "virerror.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

static void
virVMANNamespaceFree(void *data)
{
    virVMANNamespace *ns = data;

    if (!ns)
        return;

    g_free(ns->sharedWith);
    g_free(ns);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virVMANNamespace, virVMANNamespaceFree);


static int
virVMANNamespaceCheckAttributes(xmlNodePtr node)
{
    xmlAttrPtr attr;

    for (attr = node->properties; attr; attr = attr->next) {
        if (!virXMLNodeNameEqual((xmlNodePtr) attr, "secure") &&
            !virXMLNodeNameEqual((xmlNodePtr) attr, "sharedWith")) {
            virReportError(VIR_ERR_XML_ERROR,
                           _("unknown attribute '%s' in element 'vman:partition'"),
                           attr->name);
            return -1;
        }
    }

    return 0;
}


static int
virVMANNamespaceParsePartition(xmlNodePtr node,
                               virVMANNamespace *ns)
{
    virTristateBool secure = VIR_TRISTATE_BOOL_ABSENT;

    if (virVMANNamespaceCheckAttributes(node) < 0)
        return -1;

    if (virXMLPropTristateBool(node, "secure", VIR_XML_PROP_NONE, &secure) < 0)
        return -1;

    ns->secure = secure == VIR_TRISTATE_BOOL_YES;
    ns->sharedWith = virXMLPropString(node, "sharedWith");

    if (ns->sharedWith && !ns->secure) {
        virReportError(VIR_ERR_XML_ERROR, "%s",
                       _("'sharedWith' needs secure='yes': only a secure partition can share the cores of another one"));
        return -1;
    }

    return 0;
}


/* Every element of the namespace counts: a misspelt one must not be lost. */
static int
virVMANNamespaceParse(xmlXPathContextPtr ctxt,
                      void **data)
{
    g_autoptr(virVMANNamespace) ns = NULL;
    g_autofree xmlNodePtr *nodes = NULL;
    int n;
    size_t i;

    if ((n = virXPathNodeSet("./vman:*", ctxt, &nodes)) < 0)
        return -1;

    for (i = 0; i < n; i++) {
        if (!virXMLNodeNameEqual(nodes[i], "partition")) {
            virReportError(VIR_ERR_XML_ERROR,
                           _("unknown element 'vman:%s'"), nodes[i]->name);
            return -1;
        }

        if (ns) {
            virReportError(VIR_ERR_XML_ERROR, "%s",
                           _("more than one element 'vman:partition'"));
            return -1;
        }

        ns = g_new0(virVMANNamespace, 1);
        if (virVMANNamespaceParsePartition(nodes[i], ns) < 0)
            return -1;
    }

    *data = g_steal_pointer(&ns);
    return 0;
}


static int
virVMANNamespaceFormat(virBuffer *buf,
                       void *data)
{
    virVMANNamespace *ns = data;

    virBufferAsprintf(buf, "<vman:partition secure='%s'",
                      ns->secure ? "yes" : "no");
    virBufferEscapeString(buf, " sharedWith='%s'", ns->sharedWith);
    virBufferAddLit(buf, "/>\n");
    return 0;
}


virXMLNamespace virVMANDriverNamespace = {
    .parse = virVMANNamespaceParse,
    .free = virVMANNamespaceFree,
    .format = virVMANNamespaceFormat,
    .prefix = "vman",
    .uri = VIR_VMAN_NAMESPACE_URI,
};
