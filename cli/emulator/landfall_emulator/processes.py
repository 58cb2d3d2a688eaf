"""Starts children in a way that lets the launcher end all of them.

Each child leads its own session and process group. So Ctrl-C in the terminal reaches only the launcher, which then ends
its children in order, and ending a group also ends the processes that a child started.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import Any

from .guardian import Guardian


class Processes:
    """The children of the launcher."""

    def __init__(self, guardian: Guardian) -> None:
        self._guardian = guardian
        self._running: dict[int, subprocess.Popen] = {}
        self._lock = threading.Lock()

    def popen_class(self) -> type[subprocess.Popen]:
        """Returns a `subprocess.Popen` that registers each process and gives it its own group."""
        processes = self

        class OwnedProcess(subprocess.Popen):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **{**options, "start_new_session": True})
                processes._add(self)

            def poll(self) -> int | None:
                return self._seen(super().poll())

            def wait(self, timeout: float | None = None) -> int:
                code = super().wait(timeout)
                self._seen(code)
                return code

            def end_group(self) -> None:
                """Sends SIGKILL to the processes that the ended one left behind in its group, if there are any."""
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

            def _seen(self, code: int | None) -> int | None:
                if code is not None and processes._remove(self.pid):
                    self.end_group()
                return code

        return OwnedProcess

    def end_all(self, grace_seconds: float) -> None:
        """Sends SIGTERM to every child's group, then SIGKILL after the grace. The caller must start no new children."""
        with self._lock:
            remaining = dict(self._running)
        self._signal(remaining, signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while remaining := {group: child for group, child in remaining.items() if child.poll() is None}:
            if time.monotonic() > deadline:
                self._signal(remaining, signal.SIGKILL)
                deadline = float("inf")  # killed processes end: only reap them
            time.sleep(0.01)

    @staticmethod
    def _signal(children: dict[int, subprocess.Popen], number: int) -> None:
        for group in children:
            # The group may have ended meanwhile. macOS answers "not permitted" for a group of zombies.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def _add(self, child: subprocess.Popen) -> None:
        with self._lock:
            self._running[child.pid] = child
        self._guardian.add(child.pid)

    def _remove(self, group: int) -> bool:
        with self._lock:
            known = self._running.pop(group, None) is not None
        if known:
            self._guardian.remove(group)
        return known
