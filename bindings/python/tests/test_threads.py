"""What threads, signals, forks and dying daemons do to the extension, and that nothing leaks."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import aivirt
from aivirt import deadline
from aivirt.slices import BatchedSliceEnv
from aivirt.testing import SimBoard
from conftest import Vmand


def test_a_client_is_shared_by_threads_and_their_calls_run_at_the_same_time(sim_board: SimBoard) -> None:
    with sim_board.client() as client, ThreadPoolExecutor(8) as pool:
        slow = client.create_partition(1, memory_mib=64)
        slow.deploy(sim_board.kernel, cmdline="sim.guest=stubborn")
        shutdown = pool.submit(slow.shutdown, timeout_ms=1000)
        asked = 0
        while not shutdown.done():
            assert client.query_partition(slow.id).id == slow.id
            asked += 1
        assert isinstance(shutdown.exception(), aivirt.TimedOutError)
        assert asked > 10, "queries wait for the shutdown"
        ids = list(pool.map(lambda _: client.create_partition(1, memory_mib=64).id, range(6)))
        assert len(set(ids)) == 6


def test_the_interpreter_runs_while_a_call_waits(sim_board: SimBoard) -> None:
    with sim_board.client() as client:
        slow = client.create_partition(1, memory_mib=64)
        slow.deploy(sim_board.kernel, cmdline="sim.guest=stubborn")

        def stopping() -> None:
            with pytest.raises(aivirt.TimedOutError):
                slow.shutdown(timeout_ms=500)

        thread = threading.Thread(target=stopping)
        thread.start()
        turns = 0
        while thread.is_alive():
            turns += 1
            time.sleep(0.001)
        assert turns > 20


def test_a_signal_handler_ends_a_wait(sim_board: SimBoard) -> None:
    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with sim_board.client(timeout=None) as client, client.events() as events:
            slow = client.create_partition(1, memory_mib=64)
            slow.deploy(sim_board.kernel, cmdline="sim.guest=stubborn")
            assert events.wait(10) and events.wait(10)
            waits: list[Callable[[], object]] = [lambda: slow.shutdown(timeout_ms=20_000), lambda: events.wait(20)]
            for wait in waits:
                begin = time.monotonic()
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(Alarm):
                    wait()
                assert time.monotonic() - begin < 5
            assert client.host().simulated, "the client goes on with a new connection"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_timeout_leaves_no_answer_for_the_next_call(sim_board: SimBoard) -> None:
    with sim_board.client() as setup:
        slow = setup.create_partition(1, memory_mib=64)
        slow.deploy(sim_board.kernel, cmdline="sim.guest=stubborn")
    with sim_board.client(timeout=0.1) as client:
        with pytest.raises(aivirt.TimedOutError):
            client.shutdown(slow.id, timeout_ms=300)
        assert client.host().simulated
        time.sleep(0.3)
        assert client.query_partition(slow.id).id == slow.id


def _ask(socket: str, client: aivirt.Client, answers: multiprocessing.SimpleQueue[int]) -> None:
    for _ in range(200):
        answers.put(client.query_partition(1).id)


def test_a_forked_child_has_connections_of_its_own(vmand: Vmand) -> None:
    client = aivirt.Client(vmand.socket)
    client.create_partition(1, memory_mib=64)
    client.create_partition(1, memory_mib=64)
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.SimpleQueue[int] = context.SimpleQueue()
    child = context.Process(target=_ask, args=(str(vmand.socket), client, answers))
    child.start()
    ours = [client.query_partition(2).id for _ in range(200)]
    theirs = [answers.get() for _ in range(200)]
    child.join(20)
    assert child.exitcode == 0 and set(ours) == {2} and set(theirs) == {1}


def test_a_daemon_that_is_killed_is_told_clearly_and_its_successor_is_found(sim_board: SimBoard) -> None:
    with sim_board.client() as client:
        web = client.create_partition(1, memory_mib=64)
        sim_board.kill()
        for _ in range(2):
            with pytest.raises(aivirt.DisconnectedError, match=sim_board.socket):
                client.host()
        sim_board.start()
        assert web.info().id == web.id, "the board has kept the partition"


def test_a_daemon_that_dies_during_a_call_breaks_it_with_a_clear_exception(vmand: Vmand) -> None:
    with aivirt.Client(vmand.socket) as client, ThreadPoolExecutor(1) as pool:
        slow = client.create_partition(1, memory_mib=64)
        slow.deploy(vmand.kernel, cmdline="sim.guest=stubborn")
        call = pool.submit(slow.shutdown, timeout_ms=20_000)
        while slow.info().busy != "shutdown":
            time.sleep(0.005)
        vmand.kill()
        error = call.exception(20)
        assert isinstance(error, aivirt.DisconnectedError) and error.command == "shutdown"
        assert "closed the connection" in str(error) or "broke" in str(error)


def test_the_real_daemon_answers_like_the_board_for_tests(vmand: Vmand, sim_board: SimBoard) -> None:
    with aivirt.Client(vmand.socket) as real, sim_board.client() as simulated:
        assert real.host() == simulated.host() and real.version() == simulated.version()
        for client, kernel in ((real, str(vmand.kernel)), (simulated, sim_board.kernel)):
            web = client.create_partition(2, memory_mib=512, name="web")
            web.deploy("Image" if client is real else kernel)
            web.suspend()
        assert real.list_partitions() == simulated.list_partitions()


def test_an_unplugged_board_is_told(sim_board: SimBoard) -> None:
    with sim_board.client() as client:
        sim_board.unplug()
        with pytest.raises(aivirt.DisconnectedError):
            client.create_partition(1, memory_mib=64)


def _resident_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("name", ["calls", "refusals", "clients", "events", "arrays", "policies", "boards"])
def test_nothing_leaks(name: str, sim_board: SimBoard) -> None:
    client = sim_board.client()
    client.create_partition(1, memory_mib=64)
    env = BatchedSliceEnv(64)
    actions = np.zeros((64, 3, 2), np.int64)

    def refusal() -> None:
        with pytest.raises(aivirt.NotFoundError):
            client.query_partition(99)

    def batch() -> None:
        env.reset()
        env.step(actions)
        env.figure("latency_ms")

    def board() -> None:
        with SimBoard() as own, own.client() as other:
            other.host()

    jobs: dict[str, tuple[Callable[[], object], int]] = {
        "calls": (lambda: client.host(), 3000),
        "refusals": (refusal, 3000),
        "clients": (lambda: sim_board.client().close(), 500),
        "events": (lambda: client.events().close(), 500),
        "arrays": (batch, 1000),
        "policies": (lambda: deadline.simulate(deadline.PolicyConfig(), "step", length_ns=10**10), 300),
        "boards": (board, 20),
    }
    job, rounds = jobs[name]
    for _ in range(max(3, rounds // 10)):
        job()
    gc.collect()
    files, objects, kib = len(os.listdir("/proc/self/fd")), sys.getallocatedblocks(), _resident_kib()
    for _ in range(rounds):
        job()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= files + 1
    assert sys.getallocatedblocks() < objects + 200
    assert _resident_kib() < kib + 8 * 1024
    client.close()


def test_threads_step_batches_at_the_same_time() -> None:
    def run(seed: int) -> float:
        env = BatchedSliceEnv(256, seed=seed)
        actions = np.full((256, 3, 2), 2, np.int64)
        actions[..., 1] = 0
        total, done = 0.0, False
        while not done:
            _, rewards, done = env.step(actions)
            total += float(rewards.sum())
        return total

    alone = [run(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == alone


def test_one_batch_shared_by_threads_is_refused_or_consistent() -> None:
    env = BatchedSliceEnv(512)
    actions = np.zeros((512, 3, 2), np.int64)
    refused = 0

    def step(_: int) -> int:
        try:
            env.step(actions)
        except aivirt.InvalidArgumentError as error:
            assert "in use by another call" in str(error)
            return 1
        except aivirt.InvalidStateError:
            return 0
        return 0

    with ThreadPoolExecutor(4) as pool:
        refused = sum(pool.map(step, range(200)))
    assert 0 <= refused < 200


def test_importing_the_package_loads_no_numpy(tmp_path: Path) -> None:
    import subprocess

    code = "import aivirt, aivirt.deadline, aivirt.testing, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
