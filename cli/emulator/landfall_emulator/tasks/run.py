"""The life cycle of one task: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEPROVISIONING, STOPPED.

"Amazon ECS task lifecycle" in the Amazon ECS Developer Guide. `version` increases by one and an event is published at
PENDING, RUNNING, DEPROVISIONING and STOPPED, when the desired status becomes STOPPED, and when a container ends before
its task.
"""

import contextlib
import logging
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..assumptions import module, require
from ..environment import inherited
from . import request as run_task_request
from .container import CannotStartError, Container, command_line, variables
from .images import Images, ImageUnavailableError, LocalImage
from .metadata import Metadata
from .output import LogsUnavailableError, Output, prepare_logs
from .record import task_id
from .state_change import publish

ecs = module("ministack.services.ecs")
responses = module("ministack.core.responses")

require(ecs, "_container_override_for", ("container_overrides", "container_name"))
require(ecs, "_resolve_container_secrets", ("cdef",))
require(ecs, "_SecretResolutionError")
require(ecs, "_recount_cluster", ("cluster_name",))
require(responses, "request_scope", ("account_id", "region"))

logger = logging.getLogger("landfall")


class StartFailedError(Exception):
    """The task cannot start. The message is its stopped reason."""

    def __init__(self, reason: str, container: str | None = None) -> None:
        super().__init__(reason)
        self.container = container


class TaskHost:
    """The parts of the emulator that every task uses."""

    def __init__(
        self, images: Images, metadata: Metadata, data: Path, endpoint: str, popen: Any, machine: dict[str, str]
    ) -> None:
        self.images, self.metadata, self.endpoint, self.popen = images, metadata, endpoint, popen
        self.folder = data / "tasks"
        self.machine = inherited(machine)


class TaskRun:
    """A task from PROVISIONING on. `task` is its record in ministack's store, which only this class changes."""

    def __init__(self, task: dict[str, Any], definition: dict[str, Any], host: TaskHost) -> None:
        self.task = task
        self._definition, self._host = definition, host
        self._account, self._region = responses.get_account_id(), responses.get_region()
        self._containers: list[Container] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self.kill_now = threading.Event()

    def start(self) -> None:
        """Publishes PROVISIONING and continues in a thread."""
        publish(self.task, time.time())
        threading.Thread(target=self._live, daemon=True, name=f"landfall-task-{task_id(self.task)[:8]}").start()

    def stop(self, code: str, reason: str) -> None:
        """Requests that the task stops, and returns at once. The first reason is kept."""
        with self._lock, self._scope():
            if self.task["desiredStatus"] != "STOPPED":
                self._change(desiredStatus="STOPPED", stopCode=code, stoppedReason=reason, stoppingAt=time.time())
            self._stopping.set()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Waits until the task has stopped. Returns whether it has."""
        return self._stopped.wait(timeout_seconds)

    def _scope(self) -> contextlib.AbstractContextManager:
        return responses.request_scope(self._account, self._region)

    def _change(self, **fields: Any) -> None:
        """Makes one observable change: a new version and one event."""
        with self._lock:
            now = time.time()
            self.task.update(fields)
            self.task["version"] += 1
            ecs._recount_cluster(self.task["clusterArn"].rsplit("/", 1)[-1])
            publish(self.task, now)

    def _live(self) -> None:
        with self._scope():
            try:
                self._begin()
            except StartFailedError as failure:
                self._fail(failure)
            except Exception as error:
                logger.exception("task %s could not be started", self.task["taskArn"])
                self._fail(StartFailedError(f"InternalError: the emulator failed to start the task: {error}"))
            self._stopping.wait()
            self._end()

    def _begin(self) -> None:
        self._change(lastStatus="PENDING", connectivity="CONNECTED", connectivityAt=time.time())
        if self._stopping.is_set():
            return
        self.task.update(lastStatus="ACTIVATING", pullStartedAt=time.time())
        prepared = [self._prepare(definition) for definition in self._definition["containerDefinitions"]]
        self.task["pullStoppedAt"] = time.time()
        with self._lock:  # a container that ends at once must still be reported as running first
            if self._stopping.is_set():
                return
            for start in prepared:
                self._containers.append(start())
            self._change(lastStatus="RUNNING", startedAt=time.time())

    def _prepare(self, definition: dict[str, Any]) -> Callable[[], Container]:
        name = definition["name"]
        overrides = self.task["overrides"]
        override = ecs._container_override_for(overrides["containerOverrides"], name)
        try:
            image = self._host.images.find(definition["image"])
        except ImageUnavailableError as error:
            raise StartFailedError(
                f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {error}", name
            ) from error
        entry = self._entry(name)
        entry["runtimeId"] = f"{task_id(self.task)}-{zlib.crc32(name.encode()):010d}"
        try:
            argv = command_line(definition, override, image)
            secrets = ecs._resolve_container_secrets(definition)
            logs = prepare_logs(
                definition,
                task_id(self.task),
                entry["runtimeId"],
                run_task_request.execution_role(overrides, self._definition),
                self._account,
                self._region,
            )
        except (CannotStartError, LogsUnavailableError) as error:
            raise StartFailedError(str(error), name) from error
        except ecs._SecretResolutionError as error:
            raise StartFailedError(
                f"ResourceInitializationError: unable to pull secrets or registry auth: {error}", name
            ) from error
        environment = self._environment(name, {**variables(definition, override, image), **secrets})
        log_file = self._host.folder / f"{task_id(self.task)}.log"

        def start() -> Container:
            try:
                container = Container(
                    definition,
                    argv,
                    environment,
                    self._workdir(image),
                    self._host.popen,
                    lambda stream: Output(stream, log_file, logs, self._scope),
                    self._exited,
                )
            except CannotStartError as error:
                raise StartFailedError(str(error), name) from error
            entry["lastStatus"] = "RUNNING"
            return container

        return start

    def _environment(self, container: str, declared: dict[str, str]) -> dict[str, str]:
        host, folder = self._host, self._host.folder / task_id(self.task)
        role = run_task_request.task_role(self.task["overrides"], self._definition)
        for made in (folder / "home", folder / "tmp"):
            made.mkdir(parents=True, exist_ok=True)
        return {
            **host.machine,
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "HOSTNAME": f"ip-127-0-0-1.{self._region}.compute.internal",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_EXECUTION_ENV": f"AWS_ECS_{self.task['launchType']}",
            "AWS_ENDPOINT_URL": host.endpoint,
            **host.metadata.container(self.task, container),
            **(host.metadata.credentials(role, task_id(self.task), self._account) if role else {}),
            **declared,
        }

    def _workdir(self, image: LocalImage) -> Path:
        workdir = Path(image.workdir) if image.workdir else self._host.folder / task_id(self.task) / "work"
        if image.workdir is None:
            workdir.mkdir(parents=True, exist_ok=True)
        return workdir

    def _entry(self, container: str) -> dict[str, Any]:
        return next(entry for entry in self.task["containers"] if entry["name"] == container)

    def _fail(self, failure: StartFailedError) -> None:
        with self._lock:
            if failure.container:
                self._entry(failure.container)["reason"] = str(failure)
            self.stop("TaskFailedToStart", str(failure))

    def _exited(self, container: Container) -> None:
        with self._lock, self._scope():
            self._entry(container.name).update(lastStatus="STOPPED", exitCode=container.exit_code)
            if self.task["desiredStatus"] == "STOPPED":
                return  # the next event includes it
            if container.essential or all(entry["lastStatus"] == "STOPPED" for entry in self.task["containers"]):
                self.stop("EssentialContainerExited", "Essential container in task exited")
            else:
                self._change()

    def _end(self) -> None:
        stops = [threading.Thread(target=container.stop, args=(self.kill_now,)) for container in self._containers]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        with self._lock:
            ran = self.task["startedAt"] is not None
            self._change(lastStatus="DEPROVISIONING", **({"executionStoppedAt": time.time()} if ran else {}))
            for entry in self.task["containers"]:
                entry["lastStatus"] = "STOPPED"
            for attachment in self.task["attachments"]:
                attachment["status"] = "DELETED"
            self._change(lastStatus="STOPPED", stoppedAt=time.time(), connectivity=None, connectivityAt=None)
        self._stopped.set()
