"""Reservations on the real kernel: given, changed, and given back without a rest.

The kernel's account of bandwidth is one for the whole machine: tests that use it take turns through a lock file.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import aivirt
from aivirt import deadline

MS = 1_000_000


@pytest.fixture(autouse=True)
def turn() -> Iterator[None]:
    """One test on this machine at a time, and only where the kernel gives reservations."""
    with (Path(tempfile.gettempdir()) / "aivirt-sched-deadline.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(["sleep", "100"]) as probe:
            try:
                deadline.reserve(probe.pid, runtime_ns=MS, period_ns=100 * MS).release()
            except aivirt.AivirtError as error:
                pytest.skip(f"no reservations here: {error}")
            finally:
                probe.kill()
        before = _bandwidth()
        yield
        assert _bandwidth() == before, "bandwidth was left behind in the kernel's account"


def _bandwidth() -> str | None:
    """The kernel's account of given bandwidth, where it can be read."""
    try:
        text = Path("/sys/kernel/debug/sched/debug").read_text()
    except OSError:
        return None
    return next((line.split(":")[1].strip() for line in text.splitlines() if "dl_bw->total_bw" in line), None)


@pytest.fixture
def spinning() -> Iterator[subprocess.Popen[bytes]]:
    """A program that uses all CPU that it gets."""
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as program:
        yield program
        program.kill()


def test_a_reservation_is_in_force_until_it_is_released(spinning: subprocess.Popen[bytes]) -> None:
    assert deadline.scheduling(spinning.pid) == deadline.Scheduling("SCHED_OTHER", 0, 0, 0)
    with deadline.reserve(spinning.pid, runtime_ns=10 * MS, period_ns=100 * MS, deadline_ns=50 * MS) as reservation:
        assert (reservation.tid, reservation.active) == (spinning.pid, True)
        assert reservation.bandwidth == pytest.approx(0.1, abs=1e-5)
        assert deadline.scheduling(spinning.pid) == deadline.Scheduling(
            "SCHED_DEADLINE", 10 * MS, 50 * MS, 100 * MS
        )
    assert deadline.scheduling(spinning.pid).policy == "SCHED_OTHER"
    assert not reservation.active and not reservation.release()


def test_a_reservation_that_is_forgotten_is_released(spinning: subprocess.Popen[bytes]) -> None:
    deadline.reserve(spinning.pid, runtime_ns=10 * MS, period_ns=100 * MS)
    assert deadline.scheduling(spinning.pid).policy == "SCHED_OTHER"


def test_a_thread_of_this_process_gets_its_reservation() -> None:
    stop, seen = threading.Event(), []

    def work() -> None:
        with deadline.reserve(threading.get_native_id(), runtime_ns=5 * MS, period_ns=100 * MS):
            seen.append(deadline.scheduling().policy)
            stop.wait(0.05)
        seen.append(deadline.scheduling().policy)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["SCHED_DEADLINE", "SCHED_OTHER"]


def test_refusals_name_the_rule(spinning: subprocess.Popen[bytes]) -> None:
    with pytest.raises(aivirt.NotFoundError, match="No such thread"):
        deadline.reserve((1 << 22) + 1, runtime_ns=MS, period_ns=100 * MS)
    with pytest.raises(aivirt.InvalidArgumentError, match="exceeds the deadline"):
        deadline.reserve(spinning.pid, runtime_ns=200 * MS, period_ns=100 * MS)
    os.sched_setaffinity(spinning.pid, {0})
    if os.cpu_count() != 1:
        with pytest.raises(aivirt.InvalidStateError, match="pinned"):
            deadline.reserve(spinning.pid, runtime_ns=MS, period_ns=100 * MS)


def test_more_than_the_machine_admits_is_refused() -> None:
    machine = deadline.machine()
    programs = [subprocess.Popen(["sleep", "100"]) for _ in range(machine.cpus + 2)]
    given: list[deadline.Reservation] = []
    try:
        with pytest.raises(aivirt.NoResourcesError, match="No bandwidth left"):
            for program in programs:
                given.append(deadline.reserve(program.pid, runtime_ns=75 * MS, period_ns=100 * MS))
        assert sum(reservation.bandwidth for reservation in given) <= machine.capacity
    finally:
        for reservation in given:
            reservation.release()
        for program in programs:
            program.kill()
            program.wait()


def test_a_monitor_raises_the_budget_of_what_wants_more(spinning: subprocess.Popen[bytes]) -> None:
    period = 20 * MS
    with deadline.attach(pid=spinning.pid, period_ns=period, runtime_ns=2 * MS) as monitor:
        assert monitor.running and monitor.reserved == 1
        budget, deadline_s = 2 * MS, time.monotonic() + 10
        rows = 0
        while budget < period // 2 and time.monotonic() < deadline_s:
            time.sleep(0.05)
            samples = monitor.samples()
            rows += len(samples)
            if len(samples):
                assert set(samples.tid.tolist()) == {spinning.pid}
                budget = int(samples.budget_ns[-1])
        assert budget >= period // 2 and rows > 0
        assert deadline.scheduling(spinning.pid).runtime_ns >= period // 2
    assert deadline.scheduling(spinning.pid).policy == "SCHED_OTHER"
    with pytest.raises(aivirt.InvalidStateError, match="released"):
        monitor.tick()


def test_a_monitor_by_hand_samples_when_it_is_told(spinning: subprocess.Popen[bytes]) -> None:
    monitor = deadline.attach(tid=spinning.pid, kind="static", period_ns=20 * MS)
    # A reading right after another says nothing.
    time.sleep(0.02)
    assert monitor.tick() == 1 and not monitor.running
    samples = monitor.samples()
    assert len(samples) == 1 and deadline.OUTCOMES[samples.outcome[0]] == "kept" and samples.lost == 0
    assert len(monitor.samples()) == 0, "they are handed over once"
    monitor.start()
    with pytest.raises(aivirt.InvalidStateError, match="runs already"):
        monitor.start()
    monitor.stop()
    monitor.stop()
    assert monitor.reserved == 1 and monitor.release() == []


def test_a_target_that_ends_ends_its_monitor() -> None:
    with subprocess.Popen(["sleep", "100"]) as program:
        with deadline.attach(pid=program.pid, period_ns=10 * MS) as monitor:
            program.kill()
            program.wait()
            deadline_s = time.monotonic() + 10
            while monitor.ended is None:
                assert time.monotonic() < deadline_s
                time.sleep(0.01)
            assert str(program.pid) in monitor.ended and not monitor.running


def test_targets_that_are_none_are_refused() -> None:
    with pytest.raises(aivirt.NotFoundError):
        deadline.attach(pid=(1 << 22) + 1)
    with pytest.raises(aivirt.NotFoundError):
        deadline.attach(cgroup="/no/such/group")
    with pytest.raises(aivirt.InvalidArgumentError, match="Exactly one of pid, tid and cgroup"):
        deadline.attach()
    with pytest.raises(aivirt.InvalidArgumentError, match="below the period"):
        deadline.attach(pid=os.getpid(), sampling_ns=MS)
