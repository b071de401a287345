"""What the tests share, and their closing lines in the form that the project's runner counts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aivirt.testing import kernel_image

PATIENCE_S = 20.0
"""Longer than anything here takes, so that a test fails instead of hanging."""


@dataclass
class Vmand:
    """A running vmand, the real program."""

    process: subprocess.Popen[bytes]
    socket: Path
    kernel: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def vmand(tmp_path: Path) -> Iterator[Vmand]:
    """The real daemon on a simulated board, in a process of its own."""
    program = os.environ.get("AIVIRT_VMAND")
    if not program:
        pytest.skip("AIVIRT_VMAND does not name the program vmand")
    boot = tmp_path / "boot"
    boot.mkdir()
    kernel = boot / "Image"
    kernel.write_bytes(kernel_image())
    socket = tmp_path / "vmand.sock"
    arguments = ["--device", "sim", "--image-dir", str(boot), "--image-store", str(tmp_path / "store")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, "--socket", str(socket), *arguments], stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not socket.exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, "vmand does not listen"
            time.sleep(0.005)
        yield Vmand(process, socket, kernel)
    finally:
        process.kill()
        process.wait()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """`SKIPPED: name: reason` for each skip, and one closing line with all counts."""
    stats = terminalreporter.stats
    for report in stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        name = report.nodeid.split("/")[-1].replace(".py::", "::")
        terminalreporter.write_line(f"SKIPPED: {name}: {reason.removeprefix('Skipped: ')}")
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    passed, skipped = len(stats.get("passed", [])), len(stats.get("skipped", []))
    terminalreporter.write_line(f"python: {passed} passed, {failed} failed, {skipped} skipped")
