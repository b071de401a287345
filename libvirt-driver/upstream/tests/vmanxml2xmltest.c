#include <config.h>

#include "testutils.h"

#ifdef WITH_VMAN

# include "vman/vman_board.h"
# include "vman/vman_conf.h"
# include "vman/vman_domain.h"

# define VIR_FROM_THIS VIR_FROM_NONE

static virVMANDriver driver;

struct testInfo {
    const char *name;
    testCompareDomXML2XMLResult expected;
    bool different;
};

static int
testCompareXMLToXML(const void *data)
{
    const struct testInfo *info = data;
    g_autofree char *in = g_strdup_printf("%s/vmanxml2xmldata/%s.xml",
                                          abs_srcdir, info->name);
    g_autofree char *out = g_strdup_printf("%s/vmanxml2xmldata/%s.out.xml",
                                           abs_srcdir, info->name);

    return testCompareDomXML2XMLFiles(NULL, driver.xmlopt, in,
                                      info->different ? out : in, false, 0,
                                      info->expected);
}

static int
mymain(void)
{
    int ret = 0;

    if (!(driver.config = virVMANDriverConfigNew()) ||
        !(driver.board = virVMANBoardNew()) ||
        !(driver.xmlopt = virVMANDomainXMLOptionNew(&driver)))
        return EXIT_FAILURE;

# define DO_TEST_FULL(_name, _expected, _different) \
    do { \
        struct testInfo info = { \
            .name = _name, .expected = _expected, .different = _different, \
        }; \
        if (virTestRun("vman XML-2-XML " _name, testCompareXMLToXML, &info) < 0) \
            ret = -1; \
    } while (0)

# define DO_TEST(name) \
    DO_TEST_FULL(name, TEST_COMPARE_DOM_XML2XML_RESULT_SUCCESS, false)

# define DO_TEST_FAIL(name) \
    DO_TEST_FULL(name, TEST_COMPARE_DOM_XML2XML_RESULT_FAIL_PARSE, false)

    DO_TEST("minimal");
    DO_TEST("full");
    DO_TEST("secure");
    DO_TEST_FAIL("hostdev");
    DO_TEST_FAIL("shared-not-secure");

    virObjectUnref(driver.xmlopt);
    virObjectUnref(driver.board);
    virObjectUnref(driver.config);

    return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

VIR_TEST_MAIN(mymain)

#else

int
main(void)
{
    return EXIT_AM_SKIP;
}

#endif /* WITH_VMAN */
