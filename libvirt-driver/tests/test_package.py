"""The Debian package, installed, used and removed in a copy of this machine's root that is thrown away."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("package.sh")


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Runs the whole life of the package once; each test looks at a part of what it printed."""
    work = tmp_path_factory.mktemp("package")
    prepare = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && mkdir "$0/u" "$0/w" "$0/r" && '
                              'mount -t overlay overlay -o "lowerdir=/,upperdir=$0/u,workdir=$0/w" "$0/r"', work],
                             capture_output=True, text=True)
    if prepare.returncode != 0:
        pytest.skip("a copy of the root file system needs the right to mount an overlay")
    run = subprocess.run(["unshare", "--mount", "sh", SCRIPT, work, os.environ["PACKAGE"], os.environ["VMAND"]],
                         capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def part(output, name):
    return output.split(f"== {name}\n", 1)[1].split("== ", 1)[0]


def test_it_installs_with_what_it_depends_on(output):
    assert "install ok installed" in part(output, "installed")


def test_the_default_address_works_for_stock_clients(output):
    assert "partition shut off" in " ".join(part(output, "virsh").split())


def test_members_of_the_group_may_everything_and_others_look(output):
    text = part(output, "permissions")
    assert "virtvmand-sock root:libvirt 770" in text
    assert "virtvmand-sock-ro root:libvirt 777" in text or "virtvmand-sock-ro root:root 777" in text


def test_the_units_are_valid(output):
    assert part(output, "units").strip() in ("", "no systemd-analyze")


def test_another_libvirt_is_named_with_what_to_rebuild(output):
    text = part(output, "mismatch")
    assert "built for libvirt" in text and "libvirt 10.0.1" in text and "cargo xtask libvirt install" in text
    assert "exit 78" in text


def test_a_second_installation_keeps_the_administrator_s_configuration(output):
    assert "kept" in part(output, "reinstalled")


def test_removal_leaves_the_configuration_and_purge_leaves_nothing(output):
    left = part(output, "removed").split()
    # Which units are enabled is configuration as well, as Debian's own packages see it.
    assert all(path.startswith(("/etc/libvirt/", "/etc/systemd/system/")) for path in left), left
    assert "/etc/libvirt/virtvmand.conf" in left and "/etc/libvirt/vman/partition.xml" in left
    assert part(output, "purged").strip() == ""
