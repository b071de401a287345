"""What Nova asks of libvirt, asked by Nova's own classes against our daemon."""

import time
import xml.etree.ElementTree as ElementTree

import libvirt
import pytest
from nova import conf, config, context, exception, objects
from nova.compute import power_state
from nova.objects import fields
from nova.virt import event as virtevent
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest
from nova.virt.libvirt import host as libvirt_host

from rig import new_uuid, wait_for

CONF = conf.CONF


@pytest.fixture(scope="session", autouse=True)
def nova_is_set_up():
    config.parse_args(["nova-compute"], default_config_files=["/dev/null"], init_rpc=False)
    objects.register_all()
    libvirt_driver.libvirt = libvirt
    # Nova's lists of hypervisors are closed; docs/libvirt.md tells what an operator of Nova does about it.
    fields.HVType.ALL = (*fields.HVType.ALL, "vman")
    CONF._get_opt_info("virt_type", group="libvirt")["opt"].type.choices["vman"] = "partitions"
    CONF.set_override("virt_type", "vman", group="libvirt")
    CONF.set_override("cpu_mode", "none", group="libvirt")


@pytest.fixture(scope="session")
def seen():
    return []


@pytest.fixture(scope="session")
def host(shared_rig, seen, nova_is_set_up):
    host = libvirt_host.Host(shared_rig.uri, lifecycle_event_handler=seen.append, conn_event_handler=lambda *args: None)
    # Nova waits 15 seconds before it tells of a stop; the order is what is looked at here.
    host._event_emit_delayed = seen.append
    host._event_handler._lifecycle_event_handler = seen.append
    host.initialize()
    host.get_connection()
    return host


@pytest.fixture
def guest(host, shared_rig):
    uuid = new_uuid()
    guest = libvirt_guest.Guest.create(shared_rig.xml(f"instance-{uuid[:8]}", uuid=uuid, vcpus=2), host)
    yield guest
    for step in (guest.poweroff, guest.delete_configuration):
        try:
            step()
        except libvirt.libvirtError:
            pass


def instance(guest):
    return objects.Instance(uuid=guest.uuid)


def test_versions_are_recent_enough_for_nova(host):
    driver = libvirt_driver
    assert host.has_min_version(lv_ver=driver.MIN_LIBVIRT_VERSION)
    assert host.has_min_version(hv_ver=driver.MIN_QEMU_VERSION)
    assert host.get_driver_type() == "VMAN"
    assert host.get_version() and host.get_hostname()


def test_capabilities_are_parsed(host):
    caps = host.get_capabilities()
    assert caps.host.cpu.arch == "aarch64"
    [ours] = [guest for guest in caps.guests if "vman" in guest.domains]
    assert (ours.arch, ours.ostype) == ("aarch64", "hvm")
    assert caps.host.topology.cells


def test_domain_capabilities_are_parsed_and_answer_nova_s_questions(host):
    caps = host.get_domain_capabilities()
    assert list(caps) == ["aarch64"]
    for capability in caps["aarch64"].values():
        # Without <os> Nova's start-up fails.
        assert capability.os is not None and not capability.os.secure_boot_supported
    assert host.supports_uefi in (True, False) and not host.supports_secure_boot
    assert host.supports_vtpm is False


def test_hardware_is_the_board_s(host):
    assert host._get_hardware_info()[0] == "aarch64"
    assert host.get_memory_mb_total() >= 16384
    assert len(host.get_available_cpus()) == 16 and len(host.get_online_cpus()) == 16
    assert set(host.get_cpu_stats()) >= {"kernel", "idle", "user", "iowait", "frequency"}
    assert host.has_hyperthreading is False


def test_devices_of_the_node_are_told_to_be_none_or_unreachable(host):
    try:
        assert host.list_pci_devices() == []
    except libvirt.libvirtError as error:
        # Node devices are another daemon's; docs/libvirt.md tells how to reach one.
        assert error.get_error_code() in (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_NO_SUPPORT,
                                          libvirt.VIR_ERR_NO_CONNECT, libvirt.VIR_ERR_INTERNAL_ERROR)


def test_the_life_of_an_instance(host, guest, seen):
    assert guest.has_persistent_configuration() and not guest.is_active()
    assert guest.get_power_state(host) == power_state.SHUTDOWN
    seen.clear()
    guest.launch()
    assert guest.get_power_state(host) == power_state.RUNNING and guest.id > 0
    guest.pause()
    assert guest.get_power_state(host) == power_state.PAUSED
    guest.resume()
    guest.sync_guest_time()
    assert guest.get_power_state(host) == power_state.RUNNING
    guest.shutdown()
    wait_for(lambda: guest.get_power_state(host) == power_state.SHUTDOWN, "the clean shutdown")
    expected = [virtevent.EVENT_LIFECYCLE_STARTED, virtevent.EVENT_LIFECYCLE_PAUSED,
                virtevent.EVENT_LIFECYCLE_RESUMED, virtevent.EVENT_LIFECYCLE_STOPPED]
    transitions = lambda: [event.get_transition() for event in seen if event.get_instance_uuid() == guest.uuid]
    wait_for(lambda: len(transitions()) == len(expected), f"{expected}, saw {transitions()}")
    assert transitions() == expected
    # A soft reboot is a shutdown and a launch; a hard one destroys first.
    guest.launch()
    guest.poweroff()
    assert guest.get_power_state(host) == power_state.SHUTDOWN


def test_an_instance_is_launched_paused_for_its_network(host, guest):
    guest.launch(pause=True)
    assert guest.get_power_state(host) == power_state.PAUSED
    guest.resume()
    assert guest.get_power_state(host) == power_state.RUNNING


def test_instances_are_listed_and_found(host, guest):
    guest.launch()
    assert guest.uuid in [domain.UUIDString() for domain in host.list_instance_domains(only_running=True)]
    assert guest.uuid in [other.uuid for other in host.list_guests(only_running=False)]
    assert host.get_guest(instance(guest)).name == guest.name
    with pytest.raises(exception.InstanceNotFound):
        host.get_guest(objects.Instance(uuid=new_uuid()))


def test_the_configuration_of_an_instance_is_parsed(host, guest):
    parsed = guest.get_config()
    assert parsed.uuid == guest.uuid and parsed.vcpus == 2 and parsed.memory == 64 * 1024
    assert parsed.virt_type == "vman" and parsed.os_kernel


def test_vcpus_of_an_instance(host, guest):
    guest.launch()
    infos = list(guest.get_vcpus_info())
    assert [info.id for info in infos] == [0, 1] and all(info.state == 1 for info in infos)


def test_metadata_of_an_instance(host, guest):
    metadata = vconfig.LibvirtConfigGuestMetaNovaInstance()
    metadata.package, metadata.name, metadata.creationTime = "34.0.0", "web", time.time()
    guest.set_metadata(metadata, persistent=True)
    assert "<nova:name>web</nova:name>" in guest.get_xml_desc(dump_inactive=True)


@pytest.mark.parametrize("kept", ({}, {"keep_nvram": True}, {"keep_vtpm": True}))
def test_deleting_the_configuration(host, guest, kept):
    guest.delete_configuration(**kept)
    with pytest.raises(exception.InstanceNotFound):
        host.get_guest(instance(guest))


def test_features_that_a_partition_lacks_raise_what_nova_expects(host, guest):
    guest.launch()
    for call in (guest.inject_nmi, guest.freeze_filesystems, guest.save_memory_state):
        with pytest.raises(libvirt.libvirtError) as error:
            call()
        assert error.value.get_error_code() in (libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_OPERATION_UNSUPPORTED)


def test_xml_made_by_nova_is_accepted(host, shared_rig):
    made = vconfig.LibvirtConfigGuest()
    made.virt_type, made.uuid, made.name = "vman", new_uuid(), "made-by-nova"
    made.memory, made.vcpus = 64 * 1024, 1
    made.os_type, made.os_kernel, made.os_cmdline = fields.VMMode.HVM, str(shared_rig.kernel), "console=ttyAMA0"
    disk = vconfig.LibvirtConfigGuestDisk()
    disk.source_type, disk.source_path, disk.target_dev, disk.target_bus = "file", "/x", "vda", "virtio"
    vif = vconfig.LibvirtConfigGuestInterface()
    vif.net_type, vif.mac_addr, vif.source_dev, vif.model = "bridge", "fa:16:3e:00:00:01", "br0", "virtio"
    balloon = vconfig.LibvirtConfigMemoryBalloon()
    balloon.model = "virtio"
    rng = vconfig.LibvirtConfigGuestRng()
    rng.backend = "/dev/urandom"
    made.devices = [disk, vif, balloon, rng, vconfig.LibvirtConfigGuestConsole()]
    guest = libvirt_guest.Guest.create(made.to_xml(), host)
    try:
        guest.launch()
        devices = ElementTree.fromstring(guest.get_xml_desc()).find("devices")
        assert devices.find("disk") is None and devices.find("interface") is None
        assert "<disk" in guest.get_xml_desc(dump_inactive=True)
    finally:
        guest.poweroff()
        guest.delete_configuration()


def test_nova_s_own_driver_starts_and_reports_the_board(shared_rig, host, monkeypatch, tmp_path):
    CONF.set_override("connection_uri", shared_rig.uri, group="libvirt")
    CONF.set_override("instances_path", str(tmp_path))
    driver = libvirt_driver.LibvirtDriver(None)
    monkeypatch.setattr(driver, "_host", host)
    monkeypatch.setattr(driver, "_set_host_enabled", lambda *args, **kwargs: None)
    monkeypatch.setattr(host, "_list_devices", lambda *args, **kwargs: [])
    monkeypatch.setattr(host, "list_all_devices", lambda *args, **kwargs: [])
    driver.init_host("host")
    found = driver.get_available_resource("host")
    assert found["vcpus"] == 16 and found["hypervisor_type"] == "VMAN"
    assert found["supported_instances"] == [("aarch64", "vman", "hvm")]
    assert context.get_admin_context()
