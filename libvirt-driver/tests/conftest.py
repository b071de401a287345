"""One rig for all tests that do not break it; a fresh one for those that do."""

import libvirt
import pytest

import events
import hypervisor
import rig as rigs


def pytest_addoption(parser):
    parser.addoption("--driver", choices=("vman", "test"), default="vman",
                     help="`test`: libvirt's own test driver instead of ours, which shows what the tables are worth")
    parser.addoption("--own-loop", action="store_true", help="the tests turn libvirt's event loop themselves")


def pytest_configure(config):
    config.addinivalue_line("markers", "contract: what every driver of libvirt promises")
    if not config.getoption("--own-loop"):
        events.run_event_loop()
    # Refusals are what many tests ask for: they are looked at as exceptions, not printed.
    libvirt.registerErrorHandler(lambda opaque, error: None, None)


def pytest_collection_modifyitems(config, items):
    """Other drivers are asked only for what every driver promises."""
    if config.getoption("--driver") == "test":
        kept = [item for item in items if item.get_closest_marker("contract")]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_terminal_summary(terminalreporter):
    """The closing lines that the project's test runner reads."""
    count = {kind: len(terminalreporter.stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"SKIPPED: {report.nodeid.split('::')[-1]}: {reason.removeprefix('Skipped: ')}")
    terminalreporter.write_line(
        f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped")


@pytest.fixture(scope="session")
def shared_rig(tmp_path_factory):
    """A rig that tests leave as they found it."""
    with rigs.Rig(tmp_path_factory.mktemp("rig"), cpus=16, memory_mib=16384) as rig:
        yield rig


@pytest.fixture
def rig(tmp_path):
    """A rig of the test's own."""
    with rigs.Rig(tmp_path) as rig:
        yield rig


_HYPERVISOR = {}


@pytest.fixture
def hyper(request):
    """The driver under test. A daemon that a test has killed is told once, and started again for the others."""
    if request.config.getoption("--driver") == "test":
        yield _HYPERVISOR.setdefault("test", hypervisor.TestDriver())
        return
    rig = request.getfixturevalue("shared_rig")
    if "vman" not in _HYPERVISOR:
        _HYPERVISOR["vman"] = hypervisor.Vman(rig)
    yield _HYPERVISOR["vman"]
    if rig.virtvmand.process.poll() is not None:
        del _HYPERVISOR["vman"]
        ended = rig.virtvmand.process.returncode
        rig.virtvmand.start()
        pytest.fail(f"virtvmand ended with {ended}:\n{rig.virtvmand.log_text()[-2000:]}")
