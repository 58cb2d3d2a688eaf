"""One container of a task, as a process."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..assumptions import module, require
from .images import LocalImage
from .output import Output

lambda_svc = module("ministack.services.lambda_svc")
require(lambda_svc, "_provided_code_lock")

DEFAULT_STOP_TIMEOUT_SECONDS = 30
OUTPUT_SECONDS = 5.0


class CannotStartError(Exception):
    """The command could not be run; the message is the container's reason."""


class Container:
    """A running container. `on_exit` is called once, in a thread of its own, after its output has been passed on."""

    def __init__(
        self,
        definition: dict[str, Any],
        argv: list[str],
        environment: dict[str, str],
        workdir: Path,
        popen: type[subprocess.Popen],
        output: Callable[[Any], Output],
        on_exit: Callable[["Container"], None],
    ) -> None:
        self.name: str = definition["name"]
        self.essential: bool = definition.get("essential", True)
        self.stop_timeout: float = definition.get("stopTimeout", DEFAULT_STOP_TIMEOUT_SECONDS)
        self.exit_code: int | None = None
        try:
            # ministack writes bootstraps under this lock: a child forked meanwhile would hold the file open for writing,
            # and running it would fail with "text file busy".
            with lambda_svc._provided_code_lock:
                self._process = popen(
                    argv,
                    env=environment,
                    cwd=workdir,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
        except OSError as error:
            raise CannotStartError(
                f'CannotStartContainerError: unable to start container process: exec: "{argv[0]}": {error}'
            ) from error
        self._output = output(self._process.stdout)
        self._on_exit = on_exit
        self._ended = threading.Event()
        threading.Thread(target=self._wait, daemon=True, name=f"landfall-container-{self.name}").start()

    def stop(self, hurry: threading.Event) -> None:
        """SIGTERM to the process, as ECS sends to a container's process 1 alone; SIGKILL to all of it after stopTimeout,
        or at once when `hurry` is set. Returns when it has ended."""
        self._signal(signal.SIGTERM)
        waited = 0.0
        while not self._ended.wait(0.1) and waited < self.stop_timeout and not hurry.is_set():
            waited += 0.1
        if not self._ended.is_set():
            self._signal(signal.SIGKILL)
            self._ended.wait()

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it may have ended meanwhile
                os.kill(self._process.pid, number)

    def _wait(self) -> None:
        code = self._process.wait()
        self.exit_code = 128 - code if code < 0 else code
        self._output.finish(OUTPUT_SECONDS)
        self._ended.set()
        self._on_exit(self)


def command_line(definition: dict[str, Any], override: dict[str, Any], image: LocalImage) -> list[str]:
    """The image's argv, then the container's command, or the override's in its place."""
    if definition.get("entryPoint"):
        raise CannotStartError(
            "CannotStartContainerError: entryPoint names a file inside the image, and a local image has none: put it into argv "
            "of the image in the --images file"
        )
    return [*image.argv, *(override.get("command") or definition.get("command") or [])]


def variables(definition: dict[str, Any], override: dict[str, Any], image: LocalImage) -> dict[str, str]:
    """The variables of image, task definition and override; the later ones win."""
    declared = [*(definition.get("environment") or []), *(override.get("environment") or [])]
    return {**image.env, **{pair["name"]: pair["value"] for pair in declared}}
