# SPDX-License-Identifier: Apache-2.0
"""What a process used: CPU time, memory, system calls. All read from outside, while it works."""

import ctypes
import os
import re
import signal
import struct
import subprocess

from .processes import BenchError, descendants, tool


def cpu_ns(pid: int) -> tuple[int, int]:
    """Time on a CPU, and time ready but waiting for one, of all threads of `pid` and its children so far.

    Clock ticks would mislead: schedstat.
    """
    ran = waited = 0
    for process in descendants(pid):
        for task in _tasks(process):
            try:
                with open(f"/proc/{process}/task/{task}/schedstat") as text:
                    fields = text.read().split()
                    ran, waited = ran + int(fields[0]), waited + int(fields[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return ran, waited


def resident_kib(pid: int) -> int:
    return sum(_status_kib(process, "VmRSS") for process in descendants(pid))


def secret_kib(pid: int) -> tuple[int, int]:
    """Memory of memfd_secret: what there is of it, and how much of that VmRSS counts already."""
    size = resident = 0
    for process in descendants(pid):
        with open(f"/proc/{process}/smaps") as maps:
            for text in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", maps.read(), flags=re.M):
                if "secretmem" not in text.split("\n", 1)[0]:
                    continue
                size += int(re.search(r"^Size:\s+(\d+)", text, re.M).group(1))
                resident += int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1))
    return size, resident


def open_files(pid: int) -> int:
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in descendants(pid))


def _status_kib(pid: int, field: str) -> int:
    with open(f"/proc/{pid}/status") as text:
        found = re.search(rf"^{field}:\s+(\d+) kB", text.read(), re.M)
    return int(found.group(1)) if found else 0


def _tasks(pid: int) -> list[int]:
    try:
        return [int(task) for task in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


# The calls a gateway may make while it serves; what else it makes shows up as "other".
CALLS = """accept4 brk clock_gettime clock_nanosleep close connect epoll_ctl epoll_pwait epoll_pwait2 epoll_wait fcntl
fdatasync futex getpid getrandom getsockname getsockopt gettid ioctl madvise mmap mprotect munmap nanosleep
newfstat openat poll ppoll pread64 pwrite64 pwritev read readv recvfrom recvmsg rt_sigprocmask sched_yield
sendfile64 sendmsg sendto setsockopt shutdown socket timerfd_settime write writev""".split()

_TRACING = "/sys/kernel/tracing"
_PERF_EVENT_OPEN = 298  # x86-64
_PERF_TYPE_TRACEPOINT = 2
_INHERIT = 1 << 1


class Unsupported(BenchError):
    """This machine does not let us count."""


class KernelSyscallCounter:
    """Counts by the kernel's tracepoints: no stop of the process, so no change of what it does."""

    how = "perf tracepoints"

    def __init__(self, pid: int) -> None:
        self._events: list[tuple[str, list[int]]] = []
        libc = ctypes.CDLL(None, use_errno=True)
        tasks = [task for process in descendants(pid) for task in _tasks(process)]
        for name in ["total"] + CALLS:
            event = "raw_syscalls/sys_enter" if name == "total" else f"syscalls/sys_enter_{name}"
            identity = _tracepoint(event)
            if identity is None:
                if name == "total":
                    raise Unsupported(f"cannot read {_TRACING}/events/{event}/id")
                continue
            # perf_event_attr, version 0: type, size, config, period, sample_type, read_format, flags, ...
            attr = struct.pack("=IIQQQQQIIQ", _PERF_TYPE_TRACEPOINT, 64, identity, 0, 0, 0, _INHERIT, 0, 0, 0)
            descriptors = []
            for task in tasks:
                fd = libc.syscall(_PERF_EVENT_OPEN, ctypes.create_string_buffer(attr, len(attr)), task, -1, -1, 0)
                if fd < 0:
                    reason = os.strerror(ctypes.get_errno())
                    self.close()
                    raise Unsupported(f"perf_event_open: {reason}")
                descriptors.append(fd)
            self._events.append((name, descriptors))

    def read(self) -> dict[str, int]:
        return {name: sum(struct.unpack("=Q", os.read(fd, 8))[0] for fd in descriptors)
                for name, descriptors in self._events}

    def close(self) -> None:
        for _, descriptors in self._events:
            for fd in descriptors:
                os.close(fd)
        self._events = []


def _tracepoint(event: str) -> int | None:
    if not os.path.isdir(f"{_TRACING}/events") and os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tracefs", "nodev", _TRACING], check=False, capture_output=True)
    try:
        with open(f"{_TRACING}/events/{event}/id") as text:
            return int(text.read())
    except OSError:
        return None


class StraceSyscallCounter:
    """The fallback. It slows the process so much that batches grow: counts at many connections come out low."""

    how = "strace (perturbs: more work for each wake-up than without it)"

    def __init__(self, pid: int) -> None:
        processes = descendants(pid)
        targets = [argument for process in processes for argument in ("-p", str(process))]
        self._strace = subprocess.Popen([tool("strace", "strace"), "-f", "-c", *targets],
                                        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for _ in processes:
            line = self._strace.stderr.readline()
            if "attached" not in line:
                self.close()
                raise Unsupported(line.strip() or "strace ended at once")
        self._started = False

    def read(self) -> dict[str, int]:
        """The first read is the start of the window, all zero; the second ends it."""
        if not self._started:
            self._started = True
            return {}
        self.close()
        counts = {}
        for line in self._strace.stderr.read().splitlines():
            row = line.split()
            if len(row) >= 5 and re.fullmatch(r"[\d.]+", row[0]) and row[3].isdigit():
                counts[row[-1]] = int(row[3])
        counts.setdefault("total", sum(counts.values()))
        return counts

    def close(self) -> None:
        if self._strace.poll() is None:
            self._strace.send_signal(signal.SIGINT)
            self._strace.wait(10)


def syscall_counter(pid: int) -> KernelSyscallCounter | StraceSyscallCounter:
    try:
        return KernelSyscallCounter(pid)
    except Unsupported as kernel:
        try:
            return StraceSyscallCounter(pid)
        except BenchError as strace:
            raise Unsupported(f"system calls cannot be counted here ({kernel}; {strace})") from None
