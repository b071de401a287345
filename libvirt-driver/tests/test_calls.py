"""Calls that do not change a state: their values, their flags, and who may make them."""

import libvirt
import pytest

from hypervisor import PAUSED, RUNNING, SHUTOFF, TRANSIENT

INVALID = libvirt.VIR_ERR_OPERATION_INVALID
INVALID_ARG = libvirt.VIR_ERR_INVALID_ARG
NO_SUPPORT = libvirt.VIR_ERR_NO_SUPPORT
UNSUPPORTED = libvirt.VIR_ERR_OPERATION_UNSUPPORTED
ARGUMENT_UNSUPPORTED = libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED
DENIED = libvirt.VIR_ERR_OPERATION_DENIED
UNKNOWN_FLAG = 1 << 30


def code(call, *args):
    """The error code of a call that must fail."""
    with pytest.raises(libvirt.libvirtError) as error:
        call(*args)
    return error.value.get_error_code()


@pytest.fixture
def running(hyper):
    domain = hyper.domain(RUNNING, vcpus=2)
    yield domain
    hyper.remove(domain)


@pytest.fixture
def shutoff(hyper):
    domain = hyper.domain(SHUTOFF, vcpus=2)
    yield domain
    hyper.remove(domain)


# Statistics and live settings of something that does not run.
NEEDS_AN_ACTIVE_DOMAIN = {
    "vcpus": lambda d: d.vcpus(),
    "memoryStats": lambda d: d.memoryStats(),
    "vcpusFlags(LIVE)": lambda d: d.vcpusFlags(libvirt.VIR_DOMAIN_VCPU_LIVE),
    "getCPUStats": lambda d: d.getCPUStats(True),
    "openConsole": lambda d: d.openConsole(None, d.connect().newStream()),
    "metadata(LIVE)": lambda d: d.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None, libvirt.VIR_DOMAIN_AFFECT_LIVE),
    "setMetadata(LIVE)": lambda d: d.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_TITLE, "t", None, None, libvirt.VIR_DOMAIN_AFFECT_LIVE),
    "isUpdated": None,
}
NEEDS_AN_ACTIVE_DOMAIN.pop("isUpdated")


@pytest.mark.parametrize("name", NEEDS_AN_ACTIVE_DOMAIN)
def test_a_domain_that_does_not_run_has_no_live_values(shutoff, name):
    assert code(NEEDS_AN_ACTIVE_DOMAIN[name], shutoff) == INVALID


FLAGGED = {
    "createWithFlags": lambda d: d.createWithFlags(UNKNOWN_FLAG),
    "shutdownFlags": lambda d: d.shutdownFlags(UNKNOWN_FLAG),
    "destroyFlags": lambda d: d.destroyFlags(UNKNOWN_FLAG),
    "reboot": lambda d: d.reboot(UNKNOWN_FLAG),
    "undefineFlags": lambda d: d.undefineFlags(UNKNOWN_FLAG),
    "XMLDesc": lambda d: d.XMLDesc(UNKNOWN_FLAG),
    "state": lambda d: d.state(UNKNOWN_FLAG),
    "vcpusFlags": lambda d: d.vcpusFlags(UNKNOWN_FLAG),
    "metadata": lambda d: d.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None, UNKNOWN_FLAG),
    "defineXMLFlags": lambda d: d.connect().defineXMLFlags(d.XMLDesc(), UNKNOWN_FLAG),
    "createXML": lambda d: d.connect().createXML(d.XMLDesc(), UNKNOWN_FLAG),
    "listAllDomains": lambda d: d.connect().listAllDomains(UNKNOWN_FLAG),
    "getAllDomainStats": lambda d: d.connect().getAllDomainStats(0, 1 << 20),
    "getDomainCapabilities": lambda d: d.connect().getDomainCapabilities(None, None, None, None, UNKNOWN_FLAG),
}


@pytest.mark.parametrize("name", FLAGGED)
def test_an_unknown_flag_is_refused(shutoff, name):
    assert code(FLAGGED[name], shutoff) == INVALID_ARG


WRITING = {
    "create": lambda d: d.create(),
    "destroy": lambda d: d.destroy(),
    "shutdown": lambda d: d.shutdown(),
    "reboot": lambda d: d.reboot(),
    "suspend": lambda d: d.suspend(),
    "resume": lambda d: d.resume(),
    "undefine": lambda d: d.undefine(),
    "setAutostart": lambda d: d.setAutostart(1),
    "setMetadata": lambda d: d.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "t", None, None, 0),
    "managedSave": lambda d: d.managedSave(),
    "defineXML": lambda d: d.connect().defineXML(d.XMLDesc()),
    "createXML": lambda d: d.connect().createXML(d.XMLDesc(), 0),
    "openConsole": lambda d: d.openConsole(None, d.connect().newStream()),
    "XMLDesc(SECURE)": lambda d: d.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE),
}


@pytest.mark.parametrize("name", WRITING)
def test_a_read_only_connection_changes_nothing(hyper, running, name):
    conn = hyper.rig.open_read_only()
    before = running.XMLDesc()
    assert code(WRITING[name], conn.lookupByName(running.name())) == DENIED
    assert running.XMLDesc() == before and running.isActive()


def test_a_read_only_connection_sees_what_a_full_one_sees(hyper, running):
    conn = hyper.rig.open_read_only()
    domain = conn.lookupByName(running.name())
    assert domain.state() == running.state()
    assert domain.info()[:4] == running.info()[:4]
    assert domain.XMLDesc() == running.XMLDesc()
    assert running.name() in [d.name() for d in conn.listAllDomains()]


# What a partition has no means for. Tools probe these and go on without them.
UNSUPPORTED_CALLS = {
    "managedSave": lambda d: d.managedSave(),
    "save": lambda d: d.save("/tmp/no"),
    "coreDump": lambda d: d.coreDump("/tmp/no"),
    "migrate": lambda d: d.migrateToURI3("vman:///system", {}, libvirt.VIR_MIGRATE_PEER2PEER),
    "snapshotCreateXML": lambda d: d.snapshotCreateXML("<domainsnapshot/>"),
    "attachDevice": lambda d: d.attachDevice("<disk type='file'><target dev='vda'/></disk>"),
    "setMemory": lambda d: d.setMemory(1024),
    "setVcpusFlags(LIVE)": lambda d: d.setVcpusFlags(1, libvirt.VIR_DOMAIN_AFFECT_LIVE),
    "pinVcpu": lambda d: d.pinVcpu(0, (True,)),
    "injectNMI": lambda d: d.injectNMI(),
    "screenshot": lambda d: d.screenshot(d.connect().newStream(), 0),
    "sendKey": lambda d: d.sendKey(0, 0, [1], 1, 0),
    "setTime": lambda d: d.setTime(time={"seconds": 1, "nseconds": 0}),
    "fsFreeze": lambda d: d.fsFreeze(),
    "blockResize": lambda d: d.blockResize("vda", 1),
}


@pytest.mark.parametrize("name", UNSUPPORTED_CALLS)
def test_what_a_partition_cannot_do_is_said_to_be_unsupported(running, name):
    # The migration is refused by libvirt itself, which asks the driver for its features first.
    assert code(UNSUPPORTED_CALLS[name], running) in (NO_SUPPORT, UNSUPPORTED, ARGUMENT_UNSUPPORTED)
    assert running.isActive()


@pytest.mark.contract
def test_info_and_counts_of_a_domain(hyper, running):
    state, max_kib, kib, vcpus, cpu_ns = running.info()
    assert (state, max_kib, kib, vcpus) == (libvirt.VIR_DOMAIN_RUNNING, 64 * 1024, 64 * 1024, 2)
    assert cpu_ns >= 0
    assert running.maxMemory() == 64 * 1024
    assert running.OSType() in ("hvm", "linux")
    assert running.vcpusFlags(libvirt.VIR_DOMAIN_VCPU_LIVE) == 2
    assert running.vcpusFlags(libvirt.VIR_DOMAIN_VCPU_CONFIG | libvirt.VIR_DOMAIN_VCPU_MAXIMUM) == 2


@pytest.mark.contract
def test_yes_or_no_questions(hyper):
    answers = {SHUTOFF: (0, 1), RUNNING: (1, 1), PAUSED: (1, 1), TRANSIENT: (1, 0)}
    for state, expected in answers.items():
        domain = hyper.domain(state)
        try:
            assert (domain.isActive(), domain.isPersistent()) == expected, state
        finally:
            hyper.remove(domain)


@pytest.mark.contract
def test_the_list_is_filtered_by_each_flag(hyper):
    domains = {state: hyper.domain(state) for state in (SHUTOFF, RUNNING, PAUSED, TRANSIENT)}
    ours = {domain.name(): state for state, domain in domains.items()}
    expected = {
        0: {SHUTOFF, RUNNING, PAUSED, TRANSIENT},
        libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE: {RUNNING, PAUSED, TRANSIENT},
        libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE: {SHUTOFF},
        libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT: {SHUTOFF, RUNNING, PAUSED},
        libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT: {TRANSIENT},
        libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING: {RUNNING, TRANSIENT},
        libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED: {PAUSED},
        libvirt.VIR_CONNECT_LIST_DOMAINS_SHUTOFF: {SHUTOFF},
        libvirt.VIR_CONNECT_LIST_DOMAINS_OTHER: set(),
        libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART: set(),
        libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE: set(),
        libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT: set(),
        libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE | libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT: {TRANSIENT},
    }
    try:
        for flags, states in expected.items():
            listed = {ours[d.name()] for d in hyper.conn.listAllDomains(flags) if d.name() in ours}
            assert listed == states, flags
        assert domains[SHUTOFF].name() in hyper.conn.listDefinedDomains()
        assert domains[RUNNING].name() not in hyper.conn.listDefinedDomains()
        assert hyper.conn.numOfDomains() == len(hyper.conn.listDomainsID())
        assert hyper.conn.numOfDefinedDomains() == len(hyper.conn.listDefinedDomains())
    finally:
        for domain in domains.values():
            hyper.remove(domain)


@pytest.mark.contract
@pytest.mark.parametrize("lookup", ("lookupByName", "lookupByUUIDString", "lookupByID"))
def test_what_is_not_there_is_not_found(hyper, lookup):
    key = {"lookupByName": "none such", "lookupByID": 1 << 20,
           "lookupByUUIDString": "00000000-0000-4000-8000-000000000000"}[lookup]
    assert code(getattr(hyper.conn, lookup), key) == libvirt.VIR_ERR_NO_DOMAIN


@pytest.mark.contract
def test_autostart_is_remembered(hyper):
    domain = hyper.domain(SHUTOFF)
    try:
        assert domain.autostart() == 0
        domain.setAutostart(1)
        assert domain.autostart() == 1
        listed = hyper.conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        assert domain.name() in [d.name() for d in listed]
        domain.setAutostart(0)
        assert domain.autostart() == 0
    finally:
        hyper.remove(domain)


@pytest.mark.contract
def test_title_and_description_are_kept(hyper, shutoff):
    for kind in (libvirt.VIR_DOMAIN_METADATA_TITLE, libvirt.VIR_DOMAIN_METADATA_DESCRIPTION):
        assert code(shutoff.metadata, kind, None, 0) == libvirt.VIR_ERR_NO_DOMAIN_METADATA
        shutoff.setMetadata(kind, "a <b> & ü", None, None, 0)
        assert shutoff.metadata(kind, None, 0) == "a <b> & ü"
        shutoff.setMetadata(kind, None, None, None, 0)
        assert code(shutoff.metadata, kind, None, 0) == libvirt.VIR_ERR_NO_DOMAIN_METADATA


@pytest.mark.contract
def test_an_element_of_metadata_is_kept(hyper, running):
    kind, uri = libvirt.VIR_DOMAIN_METADATA_ELEMENT, "http://example.org/xmlns/test"
    both = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    running.setMetadata(kind, "<a b='1'/>", "t", uri, both)
    assert "b='1'" in running.metadata(kind, uri, libvirt.VIR_DOMAIN_AFFECT_LIVE).replace('"', "'")
    assert "http://example.org" in running.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    running.setMetadata(kind, None, "t", uri, both)
    assert code(running.metadata, kind, uri, 0) == libvirt.VIR_ERR_NO_DOMAIN_METADATA


def test_metadata_of_the_configuration_survives_a_stop_and_live_metadata_does_not(hyper, running):
    running.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "kept", None, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    running.setMetadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, "lost", None, None, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    running.destroy()
    xml = running.XMLDesc()
    assert "<title>kept</title>" in xml and "lost" not in xml


def test_managed_save_is_answered_as_nova_asks(running):
    assert running.hasManagedSaveImage(0) == 0
    assert running.managedSaveRemove(0) == 0


def test_statistics_of_running_and_stopped_domains(hyper, running, shutoff):
    stats = {domain.name(): values for domain, values in hyper.conn.getAllDomainStats()}
    live, dead = stats[running.name()], stats[shutoff.name()]
    assert (live["state.state"], live["vcpu.current"], live["vcpu.maximum"]) == (1, 2, 2)
    assert live["vcpu.0.state"] == 1 and live["balloon.current"] == 64 * 1024 == live["balloon.maximum"]
    assert dead["state.state"] == 5 and "vcpu.0.state" not in dead


def test_a_kind_of_statistics_is_given_alone(hyper, running):
    [(_, values)] = hyper.conn.domainListGetStats([running], libvirt.VIR_DOMAIN_STATS_STATE)
    assert set(values) == {"state.state", "state.reason"}


def test_enforced_statistics_that_do_not_exist_are_refused(hyper, running):
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS
    call = hyper.conn.domainListGetStats
    assert code(call, [running], libvirt.VIR_DOMAIN_STATS_PERF, flags) in (ARGUMENT_UNSUPPORTED, INVALID_ARG)


def test_statistics_are_filtered_like_lists(hyper, running, shutoff):
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE
    names = [domain.name() for domain, _ in hyper.conn.getAllDomainStats(0, flags)]
    assert shutoff.name() in names and running.name() not in names


def test_vcpus_are_physical_cores_of_their_own(hyper, running):
    other = hyper.domain(RUNNING, vcpus=1)
    try:
        infos, pins = running.vcpus()
        cores = [info[3] for info in infos]
        assert len(set(cores)) == 2 and 0 not in cores
        for core, pin in zip(cores, pins):
            assert [index for index, on in enumerate(pin) if on] == [core]
        assert not set(cores) & {info[3] for info in other.vcpus()[0]}
        assert [list(pin) for pin in running.vcpuPinInfo()] == [list(pin) for pin in pins]
    finally:
        hyper.remove(other)


def test_memory_statistics(running):
    stats = running.memoryStats()
    assert stats["actual"] == 64 * 1024


def test_the_console_is_found_by_its_alias_only(running):
    assert code(running.openConsole, "serial7", running.connect().newStream()) == INVALID_ARG


def test_memory_is_rounded_up_to_the_granule_in_the_live_xml(hyper):
    domain = hyper.domain(RUNNING, memory_kib=64 * 1024 + 1)
    try:
        assert "<memory unit='KiB'>67584</memory>" in domain.XMLDesc()
        assert domain.info()[1] == 66 * 1024
        assert "<memory unit='KiB'>65537</memory>" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    finally:
        hyper.remove(domain)
