"""What the connection and the node say of themselves."""

import xml.etree.ElementTree as ElementTree

import libvirt
import pytest


def test_uri_type_and_version(hyper):
    assert hyper.conn.getURI().startswith("vman:///system")
    assert hyper.conn.getType() == "VMAN"
    # Nova 34 starts with 8.0.0 and warns below 8.2.2.
    assert hyper.conn.getVersion() >= 8_002_002 and hyper.conn.getLibVersion() >= 8_000_000
    assert hyper.conn.isAlive() and hyper.conn.isSecure() and not hyper.conn.isEncrypted()


@pytest.mark.parametrize("path", ("foo", "session", "", "system/x"))
def test_only_the_path_system_is_served(hyper, path):
    with pytest.raises(libvirt.libvirtError) as error:
        libvirt.open(f"vman:///{path}?socket={hyper.rig.socket}")
    assert error.value.get_error_code() in (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_INVALID_ARG)


def test_the_node_is_the_board_not_this_machine(hyper):
    model, memory_mib, cpus, *_ = hyper.conn.getInfo()
    assert (model, cpus) == ("aarch64", 16)
    assert 16384 <= memory_mib <= 18 * 1024
    total, online, _ = hyper.conn.getCPUMap()
    assert total == 16 and all(online)


def test_node_statistics(hyper):
    memory = hyper.conn.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    assert 0 < memory["free"] <= memory["total"]
    assert hyper.conn.getFreeMemory() == memory["free"] * 1024
    assert hyper.conn.getCellsFreeMemory(0, 1) == [memory["free"] * 1024] or \
        hyper.conn.getCellsFreeMemory(0, 1) == [memory["free"]]
    cpu = hyper.conn.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS)
    assert {"kernel", "user", "idle", "iowait"} <= set(cpu)
    with pytest.raises(libvirt.libvirtError):
        hyper.conn.getCPUStats(99)


def test_node_has_no_security_model(hyper):
    assert hyper.conn.getSecurityModel() in (["", ""], ["none", "0"], [None, None])


def test_hostname_and_most_vcpus(hyper):
    assert hyper.conn.getHostname()
    assert hyper.conn.getMaxVcpus("vman") == 15


def test_capabilities_show_the_board_and_our_type_only(hyper):
    root = ElementTree.fromstring(hyper.conn.getCapabilities())
    assert root.findtext("host/cpu/arch") == "aarch64"
    assert [d.get("type") for d in root.findall("guest/arch/domain")] == ["vman"]
    assert [a.get("name") for a in root.findall("guest/arch")] == ["aarch64"]
    assert root.findtext("guest/os_type") == "hvm"
    assert len(root.findall("host/topology/cells/cell/cpus/cpu")) == 16


def test_domain_capabilities(hyper):
    root = ElementTree.fromstring(hyper.conn.getDomainCapabilities(None, "aarch64", None, "vman"))
    assert (root.findtext("domain"), root.findtext("arch")) == ("vman", "aarch64")
    assert root.find("os").get("supported") == "yes"
    assert root.find("vcpu").get("max") == "15"
    assert root.find("devices/disk").get("supported") == "no"


@pytest.mark.parametrize(("arch", "kind"), (("x86_64", "vman"), ("aarch64", "kvm"), ("aarch64", "phyp")))
def test_domain_capabilities_of_something_else_are_refused(hyper, arch, kind):
    with pytest.raises(libvirt.libvirtError) as error:
        hyper.conn.getDomainCapabilities(None, arch, None, kind)
    assert error.value.get_error_code() in (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_CONFIG_UNSUPPORTED)


def test_every_definition_is_accepted_by_the_schemas_of_the_installed_libvirt(hyper):
    """capabilities and domain capabilities, which other programs parse."""
    import subprocess
    for schema, text in (("capability", hyper.conn.getCapabilities()),
                         ("domaincaps", hyper.conn.getDomainCapabilities())):
        # The installed schema does not know our type: its place is what is checked, by a type that it knows.
        known = text.replace("type='vman'", "type='test'").replace("<domain>vman<", "<domain>test<")
        check = subprocess.run(["xmllint", "--noout", "--relaxng", f"/usr/share/libvirt/schemas/{schema}.rng", "-"],
                               input=known, text=True, capture_output=True)
        assert check.returncode == 0, check.stderr


def test_close_callback_fires_when_the_daemon_goes(rig):
    from rig import wait_for
    conn = rig.open()
    seen = []
    conn.registerCloseCallback(lambda conn, reason, opaque: seen.append(reason), None)
    rig.virtvmand.kill()
    wait_for(lambda: seen, "the close callback")
    assert seen == [libvirt.VIR_CONNECT_CLOSE_REASON_EOF]
