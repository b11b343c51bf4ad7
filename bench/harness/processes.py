# SPDX-License-Identifier: Apache-2.0
"""Starting processes on given cores, and ending every one of them by its id."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something the person at the keyboard can act on; printed without a traceback."""


def tool(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise BenchError(f"{name} is not installed (Debian package: {package})")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processes:
    """All processes of a run. Leaving the `with` block ends them, whatever the reason."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            _end(process)
        self._running.clear()

    def start(self, command: list[str], cores: list[int], log: str,
              env: dict[str, str] | None = None) -> subprocess.Popen:
        """Output goes to the file `log`. The child dies with us even if we are killed."""
        parent = os.getpid()

        def in_child() -> None:
            os.sched_setaffinity(0, cores)
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with open(log, "ab") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       env={**os.environ, **(env or {})}, preexec_fn=in_child)
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen) -> None:
        _end(process)
        if process in self._running:
            self._running.remove(process)


def _end(process: subprocess.Popen) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        for pid in descendants(process.pid)[1:]:
            _kill(pid)
        process.kill()
        process.wait()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def descendants(pid: int) -> list[int]:
    """`pid` and all its children, parents first."""
    found = [pid]
    for known in found:
        try:
            tasks = os.listdir(f"/proc/{known}/task")
        except FileNotFoundError:
            continue
        for task in tasks:
            try:
                with open(f"/proc/{known}/task/{task}/children") as children:
                    found += [int(child) for child in children.read().split()]
            except FileNotFoundError:
                pass
    return found


def wait_for_port(process: subprocess.Popen, port: int, name: str, log: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"{name} ended with status {process.returncode} at start:\n{tail(log)}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise BenchError(f"{name} does not listen on port {port} after {seconds:.0f} s:\n{tail(log)}")


def tail(path: str, lines: int = 8) -> str:
    try:
        with open(path, errors="replace") as text:
            return "  " + "  ".join(text.readlines()[-lines:])
    except FileNotFoundError:
        return "  (no output)"
