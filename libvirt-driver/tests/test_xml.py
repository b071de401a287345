"""Domain XML: round trips, what is refused, and what a device in it means."""

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import libvirt
import pytest

from hypervisor import RUNNING, SHUTOFF
from rig import NAMESPACE, new_uuid

INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE
REFUSED = (libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_ERR_CONFIG_UNSUPPORTED, libvirt.VIR_ERR_INVALID_ARG,
           libvirt.VIR_ERR_XML_DETAIL, libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_OPERATION_FAILED,
           libvirt.VIR_ERR_XML_INVALID_SCHEMA, libvirt.VIR_ERR_NO_NAME)

ROUND_TRIPS = {
    "plain": {},
    "odd memory": {"memory_kib": 123457},
    "many cores": {"vcpus": 7},
    "command line": {"cmdline": "console=ttyAMA0 a=&quot;b&quot; &lt;&amp;&gt;"},
    "device tree and initrd": {"dtb": "/boot/x.dtb", "initrd": "/boot/initrd"},
    "title and description": {"extra": "<title>t &amp; ü</title><description>d\nd</description>"},
    "metadata": {"extra": "<metadata><a:b xmlns:a='urn:x'>phyp <c type='phyp'/></a:b></metadata>"},
    "actions": {"extra": "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot>"
                         "<on_crash>preserve</on_crash>"},
    "secure": {"namespaced": "<vman:partition secure='yes'/>"},
    "no console": {"devices": ""},
    "serial": {"devices": "<serial type='pty'><target port='0'/></serial>"},
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_what_is_defined_comes_back_and_can_be_defined_again(hyper, name):
    domain = hyper.domain(SHUTOFF, **ROUND_TRIPS[name])
    try:
        first = domain.XMLDesc(INACTIVE)
        assert ElementTree.fromstring(first).get("type") == "vman"
        hyper.conn.defineXML(first)
        assert domain.XMLDesc(INACTIVE) == first
        for text in (value for value in ROUND_TRIPS[name].values() if isinstance(value, str) and "<" not in value):
            assert text in first.replace('"', "&quot;") or text in first
    finally:
        hyper.remove(domain)


def test_words_of_the_user_are_not_translated(hyper):
    extra = "<title>type='phyp'</title><metadata><a:b xmlns:a='urn:x' type='phyp'>&lt;domain type='phyp'</a:b></metadata>"
    domain = hyper.domain(SHUTOFF, extra=extra)
    try:
        xml = domain.XMLDesc()
        root = ElementTree.fromstring(xml)
        assert root.get("type") == "vman" and root.findtext("title") == "type='phyp'"
        assert root.find("metadata")[0].get("type") == "phyp"
        assert root.find("metadata")[0].text == "<domain type='phyp'"
    finally:
        hyper.remove(domain)


def test_secure_is_shown_live_and_inactive(hyper):
    domain = hyper.domain(RUNNING, namespaced="<vman:partition secure='yes'/>")
    try:
        for flags in (0, INACTIVE):
            element = ElementTree.fromstring(domain.XMLDesc(flags)).find(f"{{{NAMESPACE}}}partition")
            assert element.get("secure") == "yes"
    finally:
        hyper.remove(domain)


def test_live_and_inactive_xml_tell_their_own_truth(hyper):
    domain = hyper.domain(RUNNING)
    try:
        hyper.conn.defineXML(hyper.xml(domain.name(), uuid=domain.UUIDString(), vcpus=3))
        live, later = (ElementTree.fromstring(domain.XMLDesc(flags)) for flags in (0, INACTIVE))
        assert (live.findtext("vcpu"), later.findtext("vcpu")) == ("1", "3")
        assert live.get("id") and not later.get("id")
        domain.destroy()
        assert ElementTree.fromstring(domain.XMLDesc()).findtext("vcpu") == "3"
        domain.create()
        assert ElementTree.fromstring(domain.XMLDesc()).findtext("vcpu") == "3"
    finally:
        hyper.remove(domain)


def huge(text):
    return text.replace("<devices>", "<description>" + "x" * (5 << 20) + "</description><devices>")


def bomb(text):
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE domain [<!ENTITY e0 "boom">{entities}]>' + \
        text.replace("<devices>", "<title>&e11;</title><devices>")


BROKEN = {
    "empty": lambda text: "",
    "no XML": lambda text: "this is no XML",
    "cut off": lambda text: text[:len(text) // 2],
    "another root": lambda text: text.replace("<domain ", "<network ").replace("</domain>", "</network>"),
    "type kvm": lambda text: text.replace("type='vman'", "type='kvm'"),
    "the carrier's type": lambda text: text.replace("type='vman'", "type='phyp'"),
    "no type": lambda text: text.replace("<domain type='vman'", "<domain"),
    "no name": lambda text: text.replace("<name>", "<nome>").replace("</name>", "</nome>"),
    "empty name": lambda text: text.replace("<name>victim</name>", "<name></name>"),
    "name with a slash": lambda text: text.replace("<name>victim</name>", "<name>../../etc/passwd</name>"),
    "name with a newline": lambda text: text.replace("<name>victim</name>", "<name>a\nb</name>"),
    "name of 300 bytes": lambda text: text.replace("victim", "v" * 300),
    "bad uuid": lambda text: text.replace("<name>", "<uuid>not-one</uuid><name>"),
    "memory 0": lambda text: text.replace(">65536<", ">0<"),
    "memory -1": lambda text: text.replace(">65536<", ">-1<"),
    "memory of 2^64": lambda text: text.replace(">65536<", ">18446744073709551616<"),
    "memory in words": lambda text: text.replace(">65536<", ">much<"),
    "memory above the board": lambda text: text.replace(">65536<", ">1073741824<"),
    "vcpus 0": lambda text: text.replace("<vcpu>1<", "<vcpu>0<"),
    "vcpus -1": lambda text: text.replace("<vcpu>1<", "<vcpu>-1<"),
    "vcpus 100 million": lambda text: text.replace("<vcpu>1<", "<vcpu>100000000<"),
    "iothreads -1": lambda text: text.replace("<os>", "<iothreads>4294967295</iothreads><os>"),
    "current vcpus -1": lambda text: text.replace("<vcpu>1<", "<vcpu current='-1'>1<"),
    "vcpus above the board": lambda text: text.replace("<vcpu>1<", "<vcpu>200<"),
    "vcpus 2^32+1": lambda text: text.replace("<vcpu>1<", "<vcpu>4294967297<"),
    "fewer current vcpus": lambda text: text.replace("<vcpu>1<", "<vcpu current='1'>2<"),
    "another architecture": lambda text: text.replace("aarch64", "x86_64"),
    "os type exe": lambda text: text.replace(">hvm<", ">exe<"),
    "unknown attribute of ours": lambda text: text.replace("</domain>", "<vman:partition colour='red'/></domain>"),
    "unknown element of ours": lambda text: text.replace("</domain>", "<vman:cake/></domain>"),
    "secure perhaps": lambda text: text.replace("</domain>", "<vman:partition secure='perhaps'/></domain>"),
    "shared without secure": lambda text: text.replace("</domain>", "<vman:partition sharedWith='x'/></domain>"),
    "huge": huge,
    "entity bomb": bomb,
    "external entity": lambda text: '<!DOCTYPE domain [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                                    + text.replace("victim", "&x;"),
    "deeply nested": lambda text: text.replace("<devices>", "<metadata>" + "<a>" * 5000 + "</a>" * 5000
                                               + "</metadata><devices>"),
    "on_poweroff preserve": lambda text: text.replace("<devices>", "<on_poweroff>preserve</on_poweroff><devices>"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("call", ("defineXML", "createXML"))
def test_broken_xml_is_refused_and_leaves_nothing(hyper, name, call):
    before = {d.UUIDString() for d in hyper.conn.listAllDomains()}
    text = BROKEN[name](hyper.xml("victim"))
    with pytest.raises(libvirt.libvirtError) as error:
        hyper.conn.defineXML(text) if call == "defineXML" else hyper.conn.createXML(text, 0)
    # What is over the limit of the wire is refused by the client before it is sent.
    assert error.value.get_error_code() in (*REFUSED, libvirt.VIR_ERR_RPC), error.value
    assert hyper.conn.isAlive()
    assert {d.UUIDString() for d in hyper.conn.listAllDomains()} == before


def test_schema_validation_is_strict_and_knows_our_namespace(hyper):
    define = libvirt.VIR_DOMAIN_DEFINE_VALIDATE
    good = hyper.xml(hyper.name(), uuid=new_uuid(), namespaced="<vman:partition secure='no'/>")
    domain = hyper.conn.defineXMLFlags(good, define)
    try:
        bad = good.replace("<devices>", "<nonsense/><devices>")
        with pytest.raises(libvirt.libvirtError) as error:
            hyper.conn.defineXMLFlags(bad, define)
        assert error.value.get_error_code() == libvirt.VIR_ERR_XML_INVALID_SCHEMA
        assert hyper.conn.defineXML(bad).UUIDString() == domain.UUIDString()
    finally:
        hyper.remove(domain)


# Device policy of docs/libvirt.md: element -> what happens with it.
DEVICES = {
    "<disk type='file'><source file='/x'/><target dev='vda' bus='virtio'/></disk>": "ignored",
    "<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>": "ignored",
    # libvirt itself adds controllers to domains that did not ask for them: nothing is said about them.
    "<controller type='usb'/>": "ignored silently",
    "<input type='tablet' bus='usb'/>": "ignored",
    "<graphics type='vnc' port='-1'/>": "ignored",
    "<video><model type='virtio'/></video>": "ignored",
    "<memballoon model='virtio'/>": "ignored",
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>": "ignored",
    "<watchdog model='i6300esb'/>": "ignored",
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>": "ignored",
    "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' slot='0' function='0'/></source>"
    "</hostdev>": "refused",
    "<filesystem type='mount'><source dir='/x'/><target dir='y'/></filesystem>": "refused",
    "<shmem name='x'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>": "refused",
    "<console type='pty'/>": "accepted",
    "<serial type='pty'><target port='0'/></serial>": "accepted",
}


@pytest.mark.parametrize("device", DEVICES, ids=lambda text: text.split()[0].strip("</>"))
def test_device_policy(hyper, device):
    name, policy = hyper.name(), DEVICES[device]
    text = hyper.xml(name, devices=device, uuid=new_uuid())
    element = ElementTree.fromstring(device).tag
    if policy == "refused":
        with pytest.raises(libvirt.libvirtError) as error:
            hyper.conn.defineXML(text)
        assert error.value.get_error_code() == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
        assert element in str(error.value)
        return
    domain = hyper.conn.defineXML(text)
    try:
        domain.create()
        live, kept = (ElementTree.fromstring(domain.XMLDesc(flags)).find("devices") for flags in (0, INACTIVE))
        assert (live.find(element) is not None) == (policy == "accepted")
        assert kept.find(element) is not None
        if policy == "ignored":
            assert any(element in message for message in domain.messages())
    finally:
        hyper.remove(domain)


SCHEMAS = Path("/usr/share/libvirt/schemas")
OUR_SCHEMA = Path(__file__).parent.parent / "schemas/vmandomain.rng"


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """Our schema where it is installed: beside those of the installed libvirt, which it includes."""
    directory = tmp_path_factory.mktemp("schemas")
    for file in SCHEMAS.glob("*.rng"):
        (directory / file.name).symlink_to(file)
    (directory / OUR_SCHEMA.name).symlink_to(OUR_SCHEMA)
    return directory / OUR_SCHEMA.name


def is_valid(schema, text):
    command = ["xmllint", "--noout", "--relaxng", schema, "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True).returncode == 0


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_our_schema_accepts_what_the_driver_shows(hyper, schema, name):
    domain = hyper.domain(SHUTOFF, **ROUND_TRIPS[name])
    try:
        assert is_valid(schema, domain.XMLDesc())
    finally:
        hyper.remove(domain)


@pytest.mark.parametrize("wrong", ("<vman:partition colour='red'/>", "<vman:cake/>", "<vman:partition secure='perhaps'/>",
                                   "<nonsense/>"))
def test_our_schema_refuses_what_the_driver_refuses(hyper, schema, wrong):
    good = hyper.xml("web")
    assert is_valid(schema, good)
    assert not is_valid(schema, good.replace("</domain>", f"{wrong}</domain>"))
