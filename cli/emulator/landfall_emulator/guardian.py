"""Ends the children of a launcher that was killed.

A launcher that gets SIGKILL can end nothing itself, and tasks run in sessions of their own. So a small process, forked
before anything else is loaded, hears over a pipe which process groups exist; when the pipe closes it ends what is left.
Linux alone has a signal for a parent's death, so it isn't used: this way is the same on macOS.
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
        """A process group exists that must not outlive the launcher."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """That group is gone; its number may come back as a stranger's."""
        self._tell(f"-{group}\n")

    def dismiss(self) -> None:
        """The launcher ends: the guardian ends whatever is still registered, then itself. Returns when it has."""
        with self._lock:
            os.close(self._pipe)
            self._pipe = -1
        os.waitpid(self.pid, 0)

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._pipe >= 0:
                os.write(self._pipe, line.encode())  # shorter than PIPE_BUF, so never torn


def start() -> Guardian:
    """Fork the guardian. Must run before threads, sockets and heavy imports: the fork keeps what exists."""
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
    os.setsid()  # a signal to the launcher's group or terminal must not reach the one who cleans up after it
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # whoever reads the launcher's output must see it end with the launcher
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
    """SIGTERM to each process group, and SIGKILL to those that still exist after the grace."""
    remaining = {group for group in groups if _signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_seconds
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = {group for group in remaining if _signal_group(group, 0)}
    for group in remaining:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    """Whether the group exists and could be signalled."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says "not permitted" of a group whose members are all zombies
        return False
    except OSError as error:
        print(f"cannot signal process group {group}: {error}", file=sys.stderr)
        return False
    return True
