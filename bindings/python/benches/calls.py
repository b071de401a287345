"""What calls from Python cost: `cargo xtask bench python`. Prints lines of `BENCH name value unit [vs other]`.

Queries go to a vmand of its own, by turns from Rust and from Python, so that what else the machine does hits both alike.
Single calls are timed in blocks; the least block counts, since nothing makes code faster than it is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import aivirt
from aivirt import deadline
from aivirt.partition import PartitionState

RELEASE = Path(os.environ["AIVIRT_RELEASE"])
ROUNDS, TURNS = 1_000, 10


def report(name: str, value: float, unit: str, versus: str = "") -> None:
    print(f"BENCH {name} {value:.4g} {unit}{' vs ' + versus if versus else ''}", flush=True)


def python_times(client: aivirt.Client) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        client.query_partition(1)
        times.append(float(time.perf_counter_ns() - begin))
    return times


def rust_times(socket: Path) -> list[float]:
    program = RELEASE / "examples/query_times"
    out = subprocess.run([program, socket, "1", str(ROUNDS)], check=True, capture_output=True, text=True).stdout
    return [float(line) for line in out.split()]


def queries() -> None:
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "vmand.sock"
        arguments = ["--device", "sim", "--socket", socket, "--image-store", Path(folder) / "store"]
        with subprocess.Popen([RELEASE / "vmand", *arguments, "--log", "error"]) as daemon:
            while not socket.exists():
                time.sleep(0.01)
            try:
                compare_queries(socket)
            finally:
                daemon.terminate()


def compare_queries(socket: Path) -> None:
    rust: list[float] = []
    python: list[float] = []
    with aivirt.Client(socket) as client:
        client.create_partition(2, memory_mib=512, name="bench")
        for _ in range(TURNS):
            rust += rust_times(socket)
            python += python_times(client)
    for name, of in (("p50", statistics.median), ("mean", statistics.fmean)):
        report(f"query_partition_rust_{name}", of(rust) / 1e3, "us")
        report(f"query_partition_python_{name}", of(python) / 1e3, "us", f"query_partition_rust_{name}")


def call(name: str, function: Callable[[], object], empty: float = 0.0) -> float:
    """Nanoseconds of a call, less those of an empty one."""
    calls, blocks = 20_000, 15
    best = float("inf")
    for _ in range(blocks):
        begin = time.perf_counter_ns()
        for _ in range(calls):
            function()
        best = min(best, (time.perf_counter_ns() - begin) / calls)
    report(name, best - empty, "ns")
    return best


def pure_functions() -> None:
    empty = call("call_of_nothing", lambda: None)
    policy, ready = deadline.policy("static"), PartitionState.READY
    call("policy_step", lambda: policy.step(10_000_000, 100_000_000), empty)
    call("policy_property", lambda: policy.period_ns, empty)
    call("state_after", lambda: ready.after("deploy"), empty)
    samples = np.full(1_000_000, 10_000_000)
    policy.run(samples, 100_000_000)
    begin = time.perf_counter_ns()
    policy.run(samples, 100_000_000)
    report("policy_step_of_an_array", (time.perf_counter_ns() - begin) / len(samples), "ns")


if __name__ == "__main__":
    queries()
    pure_functions()
