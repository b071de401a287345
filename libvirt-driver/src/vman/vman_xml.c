/*
 * vman_xml.c: domain XML as users and files have it
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

#include "configmake.h"
#include "vman_namespace.h"
#include "vman_xml.h"
#include "virbuffer.h"
#include "virerror.h"
#include "virfile.h"
#include "virlog.h"
#include "virstring.h"
#include "virxml.h"

#define VIR_FROM_THIS VIR_FROM_VMAN

VIR_LOG_INIT("vman.vman_xml");

#define VMAN_DOMAIN_TYPE "vman"

/* Larger documents are refused before they are parsed: a domain has a few KiB,
 * and metadata of tools some more. The wire protocol ends at 4 MiB. */
#define VMAN_XML_MAX (4 * 1024 * 1024)

/* More than any board has. */
#define VMAN_XML_VCPUS_MAX 4096
#define VMAN_XML_IOTHREADS_MAX 1024


/* <domain type='vman'> only, and none of the types that it stands for inside. */
static int
virVMANXMLTranslateRoot(xmlNodePtr root)
{
    g_autofree char *type = NULL;

    if (!virXMLNodeNameEqual(root, "domain")) {
        virReportError(VIR_ERR_XML_ERROR,
                       _("expecting root element of 'domain', not '%s'"),
                       root->name);
        return -1;
    }

    if (!(type = virXMLPropStringRequired(root, "type")))
        return -1;

    if (STRNEQ(type, VMAN_DOMAIN_TYPE)) {
        virReportError(VIR_ERR_CONFIG_UNSUPPORTED,
                       _("domain type '%s' is not supported here, only '%s'"),
                       type, VMAN_DOMAIN_TYPE);
        return -1;
    }

    xmlSetProp(root, BAD_CAST "type",
               BAD_CAST virDomainVirtTypeToString(VIR_DOMAIN_VIRT_VMAN));
    return 0;
}


#ifdef VMAN_OUT_OF_TREE
/* The installed schema does not know our namespace: what belongs to it is
 * checked by its own parser, more strictly than a schema would. */
static void
virVMANXMLStripNamespace(xmlNodePtr root)
{
    xmlNodePtr node = root->children;

    while (node) {
        xmlNodePtr next = node->next;

        if (node->ns &&
            STREQ_NULLABLE((const char *) node->ns->href,
                           VIR_VMAN_NAMESPACE_URI)) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
        }
        node = next;
    }
}
#else
static void
virVMANXMLStripNamespace(xmlNodePtr root G_GNUC_UNUSED)
{
}
#endif


static int
virVMANXMLValidate(xmlDocPtr doc)
{
    g_autoptr(xmlDoc) copy = xmlCopyDoc(doc, 1);
    g_autofree char *schema = NULL;

    if (!copy)
        abort();

    virVMANXMLStripNamespace(xmlDocGetRootElement(copy));
    schema = virFileFindResource("domain.rng",
                                 abs_top_srcdir "/src/conf/schemas",
                                 PKGDATADIR "/schemas");
    return virXMLValidateAgainstSchema(schema, copy);
}


/* libvirt allocates as many structures as these numbers say, whatever they
 * say, and ends the process when it cannot. */
static const struct {
    const char *xpath;
    const char *what;
    unsigned int min;
    unsigned int max;
} virVMANXMLCounts[] = {
    { "string(./vcpu[1])", "vCPUs", 1, VMAN_XML_VCPUS_MAX },
    { "string(./vcpu[1]/@current)", "current vCPUs", 1, VMAN_XML_VCPUS_MAX },
    { "string(./iothreads[1])", "I/O threads", 0, VMAN_XML_IOTHREADS_MAX },
};


static int
virVMANXMLCheckCounts(xmlXPathContextPtr ctxt)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(virVMANXMLCounts); i++) {
        g_autofree char *text = virXPathString(virVMANXMLCounts[i].xpath, ctxt);
        unsigned int count;

        if (!text)
            continue;

        if (virStrToLong_uip(text, NULL, 10, &count) < 0 ||
            count < virVMANXMLCounts[i].min ||
            count > virVMANXMLCounts[i].max) {
            virReportError(VIR_ERR_XML_ERROR,
                           _("number of %s must be %u to %u, not '%s'"),
                           virVMANXMLCounts[i].what, virVMANXMLCounts[i].min,
                           virVMANXMLCounts[i].max, text);
            return -1;
        }
    }

    return 0;
}


/**
 * virVMANXMLParseNode:
 * @driver: the driver
 * @ctxt: XPath context whose node is the <domain> element; it is changed
 * @flags: virDomainDefParseFlags
 *
 * Returns the definition, or NULL with an error reported.
 */
virDomainDef *
virVMANXMLParseNode(virVMANDriver *driver,
                    xmlXPathContextPtr ctxt,
                    unsigned int flags)
{
    if (virVMANXMLTranslateRoot(ctxt->node) < 0 ||
        virVMANXMLCheckCounts(ctxt) < 0)
        return NULL;

    if ((flags & VIR_DOMAIN_DEF_PARSE_VALIDATE_SCHEMA) &&
        virVMANXMLValidate(ctxt->doc) < 0)
        return NULL;

    return virDomainDefParseNode(ctxt, driver->xmlopt, NULL, flags);
}


/**
 * virVMANXMLParseString:
 * @driver: the driver
 * @xml: <domain type='vman'>
 * @flags: virDomainDefParseFlags
 *
 * Returns the definition, or NULL with an error reported.
 */
virDomainDef *
virVMANXMLParseString(virVMANDriver *driver,
                      const char *xml,
                      unsigned int flags)
{
    g_autoptr(xmlDoc) doc = NULL;
    g_autoptr(xmlXPathContext) ctxt = NULL;
    int keepBlanks;

    if (strlen(xml) > VMAN_XML_MAX) {
        virReportError(VIR_ERR_XML_ERROR,
                       _("domain XML is larger than %d bytes"), VMAN_XML_MAX);
        return NULL;
    }

    keepBlanks = xmlKeepBlanksDefault(0);
    doc = virXMLParseStringCtxt(xml, _("(domain_definition)"), &ctxt);
    xmlKeepBlanksDefault(keepBlanks);

    if (!doc)
        return NULL;

    return virVMANXMLParseNode(driver, ctxt, flags);
}


/**
 * virVMANXMLFormatType:
 * @xml: text that libvirt formatted; freed
 *
 * Puts our domain type where libvirt wrote the carrier's: at the start of a
 * formatted domain, in the guests of capabilities, in <domain> of domain
 * capabilities. Nothing that a user wrote is in these places.
 *
 * Returns the text for users and files, or NULL if @xml is NULL.
 */
char *
virVMANXMLFormatType(char *xml)
{
#ifdef VMAN_OUT_OF_TREE
    const char *carrier = virDomainVirtTypeToString(VIR_DOMAIN_VIRT_VMAN);
    g_autofree char *text = xml;
    g_autofree char *attribute = NULL;
    g_autofree char *element = NULL;
    const char *type;

    if (!text)
        return NULL;

    attribute = g_strdup_printf("<domain type='%s'", carrier);
    element = g_strdup_printf("<domain>%s<", carrier);

    if ((type = strstr(text, attribute)))
        type += strlen("<domain type='");
    else if ((type = strstr(text, element)))
        type += strlen("<domain>");
    else
        return g_steal_pointer(&text);

    return g_strdup_printf("%.*s%s%s", (int) (type - text), text,
                           VMAN_DOMAIN_TYPE, type + strlen(carrier));
#else
    return xml;
#endif
}


/**
 * virVMANXMLFormat:
 * @driver: the driver
 * @def: a definition
 * @flags: virDomainDefFormatFlags
 *
 * Returns <domain type='vman'>, or NULL with an error reported.
 */
char *
virVMANXMLFormat(virVMANDriver *driver,
                 virDomainDef *def,
                 unsigned int flags)
{
    return virVMANXMLFormatType(virDomainDefFormat(def, driver->xmlopt, flags));
}
