"""Events, with threads and with asyncio."""

from __future__ import annotations

import asyncio
import select
from dataclasses import replace

import pytest

import aivirt
from aivirt import aio, events
from aivirt.partition import PartitionState
from aivirt.testing import SimBoard


def test_events_tell_what_happened_and_who_caused_it(sim_board: SimBoard, sim_client: aivirt.Client) -> None:
    with sim_client.events() as stream:
        web = sim_client.create_partition(1, memory_mib=512)
        web.deploy(sim_board.kernel, cmdline="sim.guest=poweroff sim.after_ms=1")
        web.wait_for(PartitionState.READY, timeout=10)
        web.destroy()
        seen = [event for _ in range(4) if (event := stream.wait(10)) is not None]
        assert stream.wait(0) is None and stream.wait(0.01) is None
    at = [replace(event, timestamp_ns=0, seq=index) for index, event in enumerate(seen)]
    assert at == [
        events.PartitionCreated(0, 0, web.id),
        events.PartitionStateChanged(
            0, 1, web.id, PartitionState.READY, PartitionState.DEPLOYED, events.Cause.COMMAND
        ),
        events.PartitionStateChanged(0, 2, web.id, PartitionState.DEPLOYED, PartitionState.READY, events.Cause.GUEST),
        events.PartitionDestroyed(0, 3, web.id),
    ]
    assert [event.seq for event in seen] == list(range(seen[0].seq, seen[0].seq + 4))


def test_an_iteration_ends_when_the_daemon_stops_and_raises_when_it_is_killed(sim_board: SimBoard) -> None:
    with sim_board.client() as client:
        stream = client.events()
        client.create_partition(1, memory_mib=512)
        sim_board.stop()
        assert [type(event) for event in stream] == [events.PartitionCreated, events.DaemonStopping]
    sim_board.start()
    with sim_board.client() as client:
        stream = client.events()
        sim_board.kill()
        with pytest.raises(aivirt.DisconnectedError):
            list(stream)
        stream.close()
        assert list(stream) == []


def test_the_descriptor_wakes_a_loop(sim_client: aivirt.Client) -> None:
    with sim_client.events() as stream:
        assert select.select([stream], [], [], 0)[0] == []
        sim_client.create_partition(1, memory_mib=512)
        assert select.select([stream], [], [], 10)[0] == [stream]
        assert isinstance(stream.wait(0), events.PartitionCreated)


async def test_asyncio_runs_calls_at_the_same_time_and_listens(sim_board: SimBoard) -> None:
    async with await aio.connect(sim_board.socket) as client:
        async with await client.events() as stream:
            ids = await asyncio.gather(*(client.create_partition(1, memory_mib=64) for _ in range(5)))
            assert len(set(ids)) == 5
            seen = [await asyncio.wait_for(stream.wait(), 10) for _ in ids]
            assert {event.id for event in seen if isinstance(event, events.PartitionCreated)} == set(ids)
            await client.deploy(ids[0], sim_board.kernel, cmdline="sim.guest=poweroff sim.after_ms=20")
            await asyncio.wait_for(client.wait_for(ids[0], PartitionState.READY), 10)
        assert (await client.query_partition(ids[0])).state is PartitionState.READY
        await asyncio.gather(*(client.remove(id) for id in ids))
        assert await client.list_partitions() == []
        assert (await client.host()).simulated and (await client.version()).protocol == 1
    with pytest.raises(aivirt.DisconnectedError):
        await client.host()


async def test_asyncio_attaches_to_consoles(sim_board: SimBoard) -> None:
    async with await aio.connect(sim_board.socket) as client:
        id = await client.create_partition(1, memory_mib=64)
        await client.deploy(id, sim_board.kernel)
        async with await client.console(id, position=0) as console:
            seen = b""
            console.write(b"help\n")
            while b"poweroff" not in seen:
                seen += (await asyncio.wait_for(console.read(), 10)).data
        await client.console_write(id, b"x")
        assert (await client.console_read(id)).data.startswith(b"[")
        assert await client.query_stats(id)
        for operation in (client.reboot, client.suspend, client.restore, client.shutdown, client.destroy_partition):
            await operation(id)
        reference = await client.upload(sim_board.kernel)
        assert (await client.list_images()).images[0].reference == reference
        await client.delete_image(reference)
        assert await client.call("query-partitions") == {"partitions": []}


async def test_asyncio_events_end_with_the_daemon(sim_board: SimBoard) -> None:
    async with await aio.connect(sim_board.socket) as client:
        stream = await client.events()
        await asyncio.to_thread(sim_board.stop)
        assert [type(event) async for event in stream] == [events.DaemonStopping]


async def test_asyncio_tells_that_nobody_listens(sim_board: SimBoard) -> None:
    sim_board.stop()
    with pytest.raises(aivirt.DisconnectedError):
        await aio.connect(sim_board.socket)
