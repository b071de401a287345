"""The client against the simulated board: the whole life of partitions, refusals, consoles, images."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

import aivirt
import aivirt.events
from aivirt.partition import Condition, PartitionState
from aivirt.testing import SimBoard


def test_a_partition_lives_its_whole_life(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    identity = uuid.uuid4()
    web = sim_client.create_partition(2, memory_mib=512, name="web", uuid=identity)
    info = web.info()
    assert (info.state, info.condition) == (PartitionState.READY, Condition.RUNNING)
    assert (len(info.cores), info.memory_mib, info.name, info.uuid) == (2, 512, "web", identity)
    assert sim_client.list_partitions() == [info]
    assert sim_client.find("web") == web == sim_client.find(identity) == sim_client.find(str(identity))
    assert sim_client.find("db") is None
    web.deploy(sim_board.kernel, cmdline="quiet")
    assert web.state() is PartitionState.DEPLOYED
    web.reboot()
    web.suspend()
    assert web.state() is PartitionState.SUSPENDED
    web.restore()
    assert web.stats()
    web.shutdown()
    assert web.state() is PartitionState.READY
    web.destroy()
    assert sim_client.list_partitions() == []
    with pytest.raises(aivirt.NotFoundError) as caught:
        web.info()
    assert caught.value.command == "query-partition"


def test_the_host_tells_what_is_free(sim_client: aivirt.Client) -> None:
    before = sim_client.host()
    assert (before.arch, before.simulated, before.cores_total) == ("aarch64", True, 8)
    assert len(before.cpus) == 8 and sum(cpu.free for cpu in before.cpus) == before.cores_free
    partition = sim_client.create_partition(3, memory_gib=1)
    after = sim_client.host()
    assert before.cores_free - after.cores_free == 3
    assert before.memory.free_mib - after.memory.free_mib == 1024
    assert {cpu.id for cpu in after.cpus if cpu.partition == partition.id} == set(partition.info().cores)
    version = sim_client.version()
    assert (version.protocol, version.simulated, version.remote) == (1, True, False)


def test_refusals_are_the_exceptions_of_their_kind(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    web = sim_client.create_partition(1, memory_mib=512, name="web")
    with pytest.raises(aivirt.InvalidStateError) as state:
        web.suspend()
    assert (state.value.state, state.value.command) == (PartitionState.READY, "suspend")
    assert state.value.needed == (PartitionState.DEPLOYED,)
    with pytest.raises(aivirt.AlreadyExistsError, match="web"):
        sim_client.create_partition(1, memory_mib=512, name="web")
    with pytest.raises(aivirt.NoResourcesError, match="cores"):
        sim_client.create_partition(99, memory_mib=512)
    with pytest.raises(aivirt.NoResourcesError):
        sim_client.create_partition(1, memory_gib=1 << 20)
    with pytest.raises(aivirt.InvalidArgumentError, match="cores"):
        sim_client.create_partition(-1, memory_mib=512)
    with pytest.raises(aivirt.InvalidArgumentError, match="memory_mib and memory_gib"):
        sim_client.create_partition(1)
    for ask in (sim_client.query_partition, sim_client.suspend, sim_client.console):
        with pytest.raises(aivirt.InvalidArgumentError, match="Argument id: "):
            ask(-1)
    with pytest.raises(aivirt.UnsupportedError, match="fly"):
        sim_client.call("fly")
    with pytest.raises(aivirt.InvalidArgumentError, match="unknown field `x`"):
        sim_client.call("query-host", {"x": 1})
    with pytest.raises(aivirt.InvalidArgumentError, match="no JSON value"):
        sim_client.call("query-host", {"x": object()})
    with pytest.raises(aivirt.InvalidArgumentError):
        web.deploy(__file__)
    with pytest.raises(aivirt.NotFoundError):
        web.deploy("no-such-kernel")
    assert web.state() is PartitionState.READY, "nothing of all that has changed it"


def test_remove_works_in_every_state(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    for steps in ([], ["deploy"], ["deploy", "suspend"], ["gone"]):
        web = sim_client.create_partition(1, memory_mib=512)
        for step in steps:
            if step == "deploy":
                web.deploy(sim_board.kernel)
            elif step == "suspend":
                web.suspend()
            else:
                web.destroy()
        web.remove()
        assert sim_client.list_partitions() == []


def test_a_stubborn_guest_times_out_and_stays_deployed(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    web = sim_client.create_partition(1, memory_mib=512)
    web.deploy(sim_board.kernel, cmdline="sim.guest=stubborn")
    with pytest.raises(aivirt.TimedOutError) as caught:
        web.shutdown(timeout_ms=50)
    assert caught.value.is_temporary and web.state() is PartitionState.DEPLOYED


def test_a_faulted_partition_says_why(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    web = sim_client.create_partition(1, memory_mib=512)
    with sim_client.events() as events:
        web.deploy(sim_board.kernel, cmdline="sim.guest=crash sim.after_ms=1")
        while not isinstance(event := events.wait(10), aivirt.events.PartitionFaulted):
            assert event is not None
    info = web.info()
    assert info.condition is Condition.FAULTED and info.fault == event.reason
    with pytest.raises(aivirt.InvalidStateError, match="faulted"):
        web.suspend()
    web.remove()


def test_a_client_that_is_closed_says_so(sim_client: aivirt.Client) -> None:
    sim_client.close()
    sim_client.close()
    assert sim_client.closed
    for call in (sim_client.host, sim_client.events):
        with pytest.raises(aivirt.DisconnectedError, match="client is closed"):
            call()


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "no.sock"
    with pytest.raises(ConnectionError, match=str(path)):
        aivirt.Client(path)
    monkeypatch.setenv("AIVIRT_SOCKET", str(path))
    with pytest.raises(aivirt.DisconnectedError, match=str(path)):
        aivirt.Client()


@pytest.mark.parametrize("timeout", [-1.0, float("nan"), 1e300])
def test_a_timeout_that_cannot_be_is_refused(sim_board: SimBoard, timeout: float) -> None:
    with pytest.raises(aivirt.InvalidArgumentError, match="timeout"):
        sim_board.client(timeout=timeout)


def test_consoles_are_read_and_typed_into(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    web = sim_client.create_partition(1, memory_mib=512)
    web.deploy(sim_board.kernel)
    with web.console(position=0) as console:
        assert console.fileno() > 0
        console.read_until(b"Booting Linux", timeout=10)
        console.write(b"help\n")
        console.read_until(b"poweroff", timeout=10)
        with pytest.raises(TimeoutError, match="never printed"):
            console.read_until(b"never printed", timeout=0.05)
    printed = web.console_read()
    assert printed.position == 0 and printed.end >= len(printed.data) > 0
    assert web.console_read(position=5, max_bytes=3).data == printed.data[5:8]
    web.console_write(b"poweroff\n")
    web.wait_for(PartitionState.READY, timeout=10)
    with pytest.raises(aivirt.DisconnectedError, match="closed"):
        console.read(0)


def test_images_are_uploaded_once_and_deployed_by_their_reference(
    sim_board: SimBoard, sim_client: aivirt.Client
) -> None:
    told: list[tuple[int, int]] = []
    reference = sim_client.upload(sim_board.kernel, progress=lambda done, size: told.append((done, size)))
    assert told[-1] == (1 << 20, 1 << 20)
    told.clear()
    assert sim_client.upload(sim_board.kernel, progress=lambda *_: told.append((0, 0))) == reference and not told
    store = sim_client.list_images()
    assert [image.reference for image in store.images] == [reference] and store.used >= 1 << 20
    web = sim_client.create_partition(1, memory_mib=512)
    web.deploy(reference)
    assert web.state() is PartitionState.DEPLOYED
    sim_client.delete_image(reference)
    assert sim_client.list_images().images == ()
    with pytest.raises(aivirt.NotFoundError):
        sim_client.delete_image(store.images[0])
    with pytest.raises(aivirt.NotFoundError, match="no-such-file"):
        sim_client.upload("no-such-file")


def test_an_exception_of_the_progress_function_comes_out(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    def stop(done: int, size: int) -> None:
        raise RuntimeError("stop it")

    with pytest.raises(RuntimeError, match="stop it"):
        sim_client.upload(sim_board.kernel, progress=stop)


def test_waiting_for_a_state_that_does_not_come_ends(sim_client: aivirt.Client) -> None:
    web = sim_client.create_partition(1, memory_mib=512)
    with pytest.raises(aivirt.TimedOutError, match="is READY, not DEPLOYED"):
        web.wait_for(PartitionState.DEPLOYED, timeout=0.05)
