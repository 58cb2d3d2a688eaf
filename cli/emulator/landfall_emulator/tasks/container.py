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
    """The command could not be started. The message is the container's reason."""


class Container:
    """A running container. It calls `on_exit` once, from its own thread, after all output has been delivered."""

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
            # ministack writes the functions' bootstraps under this lock. A child forked meanwhile would hold the file
            # open for writing, and starting the function would fail with "text file busy".
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

    def stop(self, kill_now: threading.Event) -> None:
        """Stops the container and waits for its end.

        Sends SIGTERM only to the first process, as ECS does. Sends SIGKILL after stopTimeout, or as soon as `kill_now`
        is set.
        """
        self._signal(signal.SIGTERM)
        waited = 0.0
        while not self._ended.wait(0.1) and waited < self.stop_timeout and not kill_now.is_set():
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
    """Returns the image's argv followed by the override's command or, without one, the container's."""
    if definition.get("entryPoint"):
        raise CannotStartError(
            "CannotStartContainerError: entryPoint is a file inside the image, and a local image has no files: "
            "set argv of the image in the --images file instead"
        )
    return [*image.argv, *(override.get("command") or definition.get("command") or [])]


def variables(definition: dict[str, Any], override: dict[str, Any], image: LocalImage) -> dict[str, str]:
    """Returns the variables of image, task definition and override. Later ones replace earlier ones."""
    declared = [*(definition.get("environment") or []), *(override.get("environment") or [])]
    return {**image.env, **{pair["name"]: pair["value"] for pair in declared}}
