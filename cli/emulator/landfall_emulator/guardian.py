"""Ends the children of a launcher that was killed.

A launcher that gets SIGKILL cannot end its children, and they run in their own sessions. So the launcher forks a small
process, the guardian, before it loads anything else. The guardian learns over a pipe which process groups exist, and
ends the remaining ones when the pipe closes. PR_SET_PDEATHSIG would be simpler, but only Linux has it.
"""

import os
import signal
import sys
import threading
import time

GRACE_SECONDS = 5.0


class Guardian:
    """The launcher's end of the pipe."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe
        self._lock = threading.Lock()

    def add(self, group: int) -> None:
        """Registers a process group that must not outlive the launcher."""
        self._send(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Removes a group that has ended, because the system may reuse its number."""
        self._send(f"-{group}\n")

    def dismiss(self) -> None:
        """Ends the registered groups and the guardian, and waits for that."""
        with self._lock:
            os.close(self._pipe)
            self._pipe = -1
        os.waitpid(self.pid, 0)

    def _send(self, line: str) -> None:
        with self._lock:
            if self._pipe >= 0:
                os.write(self._pipe, line.encode())  # shorter than PIPE_BUF, so written at once


def start() -> Guardian:
    """Forks the guardian. Must run before threads, sockets and heavy imports, because the fork copies them."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(read_end)
        return Guardian(pid, write_end)
    try:
        os.close(write_end)
        _watch(read_end)
    finally:
        os._exit(0)


def _watch(pipe: int) -> None:
    os.setsid()  # a signal to the launcher's group or terminal must not reach the guardian
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the launcher's output must end with the launcher
        os.dup2(nowhere, stream)
    groups: set[int] = set()
    with open(pipe, encoding="ascii") as lines:
        for line in lines:
            if line.startswith("+"):
                groups.add(int(line[1:]))
            else:
                groups.discard(int(line[1:]))
    end_groups(groups, GRACE_SECONDS)


def end_groups(groups: set[int], grace_seconds: float) -> None:
    """Sends SIGTERM to each process group, and SIGKILL to those that exist after `grace_seconds`."""
    remaining = {group for group in groups if _signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_seconds
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = {group for group in remaining if _signal_group(group, 0)}
    for group in remaining:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    """Returns whether the group exists and was signalled."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers "not permitted" for a group of zombies
        return False
    except OSError as error:
        print(f"cannot signal process group {group}: {error}", file=sys.stderr)
        return False
    return True
