"""Starts children so that every one of them ends.

Each child leads a session, and so a process group, of its own: a Ctrl-C at the terminal reaches the launcher alone, which
then ends its children in order, and a group can be ended with whatever a child started.
"""

import os
import signal
import subprocess
import threading
from typing import Any

from .guardian import Guardian, end_groups


class Processes:
    """The children of this launcher."""

    def __init__(self, guardian: Guardian) -> None:
        self._guardian = guardian
        self._groups: set[int] = set()
        self._lock = threading.Lock()

    def popen_class(self) -> type[subprocess.Popen]:
        """A `subprocess.Popen` whose processes are children of this launcher in the sense above."""
        processes = self

        class OwnedProcess(subprocess.Popen):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **{**options, "start_new_session": True})
                processes._add(self.pid)

            def poll(self) -> int | None:
                return self._seen(super().poll())

            def wait(self, timeout: float | None = None) -> int:
                code = super().wait(timeout)
                self._seen(code)
                return code

            def end_group(self) -> None:
                """SIGKILL to whatever the ended process left behind in its group."""
                try:
                    os.killpg(self.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass  # nothing was left

            def _seen(self, code: int | None) -> int | None:
                if code is not None and processes._remove(self.pid):
                    self.end_group()
                return code

        return OwnedProcess

    def end_all(self, grace_seconds: float) -> None:
        """SIGTERM to every child's group, SIGKILL after the grace. New children are the caller's to prevent."""
        with self._lock:
            groups = set(self._groups)
        end_groups(groups, grace_seconds)

    def _add(self, group: int) -> None:
        with self._lock:
            self._groups.add(group)
        self._guardian.add(group)

    def _remove(self, group: int) -> bool:
        with self._lock:
            known = group in self._groups
            self._groups.discard(group)
        if known:
            self._guardian.remove(group)
        return known
