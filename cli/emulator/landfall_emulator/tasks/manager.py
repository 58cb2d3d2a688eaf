"""All tasks: RunTask, StopTask, and the removal of tasks an hour after they stopped."""

import logging
import shutil
import threading
import time
from typing import Any

from ..assumptions import module, require
from . import request as run_task_request
from .idempotency import ClientTokens, Response, TokenConflictError
from .record import new_task, task_id
from .run import TaskHost, TaskRun

ecs = module("ministack.services.ecs")
responses = module("ministack.core.responses")

require(ecs, "_tasks")
require(ecs, "_tags")
require(ecs, "_resolve_task", ("ref", "cluster_name"))
require(responses, "json_response", ("data", "status"))
require(responses, "error_response_json", ("code", "message", "status", "extra"))

logger = logging.getLogger("landfall")

VISIBLE_SECONDS = 3600.0
"""How long DescribeTasks shows a stopped task ("at least one hour" in the API reference)."""
SWEEP_SECONDS = 60.0


class Tasks:
    """The tasks of this emulator."""

    def __init__(self, host: TaskHost) -> None:
        self._host = host
        self._runs: dict[str, TaskRun] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._tokens = ClientTokens(self._stopped_at)
        host.folder.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._sweep_forever, daemon=True, name="landfall-task-sweep").start()

    def run_task(self, request: dict[str, Any]) -> Response:
        """Handles RunTask in the account and region of the current request."""
        try:
            name, cluster = run_task_request.cluster_of(request)
            scope = (responses.get_account_id(), responses.get_region(), name)
            return self._tokens.answer(scope, request, lambda: self._start(request, cluster))
        except run_task_request.RefusedError as refused:
            return responses.error_response_json(refused.code, str(refused), 400)
        except TokenConflictError as conflict:
            return responses.error_response_json(
                "ConflictException",
                "The RunTask request could not be processed due to conflicts: "
                "the client token was used with other parameters.",
                400,
                {"resourceIds": conflict.task_arns},
            )

    def stop_task(self, request: dict[str, Any]) -> Response:
        """Handles StopTask. Returns before the task has stopped."""
        try:
            name, _ = run_task_request.cluster_of(request)
        except run_task_request.RefusedError as refused:
            return responses.error_response_json(refused.code, str(refused), 400)
        task = ecs._resolve_task(request.get("task", ""), name)
        if task is None:
            return responses.error_response_json("InvalidParameterException", "The referenced task was not found.", 400)
        run = self._runs.get(task["taskArn"])
        if run is not None:
            run.stop("UserInitiated", request.get("reason") or "Task stopped by user")
        return responses.json_response({"task": ecs._sanitize(task)}, 200)

    def end_all(self, kill_now: threading.Event) -> None:
        """Stops every task, starts no more, and waits for them. Setting `kill_now` ends their stop timeouts at once."""
        with self._lock:
            self._closing = True
            runs = list(self._runs.values())
        for run in runs:
            run.stop("UserInitiated", "The local emulator is being stopped")
        while not all(run.wait(0) for run in runs):
            if kill_now.wait(0.05):
                for run in runs:
                    run.kill_now.set()
                kill_now = threading.Event()  # once is enough; keep waiting

    def reset(self) -> None:
        """Kills and removes every task, for ministack's own reset."""
        with self._lock:
            runs, self._runs = list(self._runs.values()), {}
        for run in runs:
            run.kill_now.set()
            run.stop("UserInitiated", "The local emulator is being reset")
        for run in runs:
            run.wait()
        self._tokens.clear()

    def _start(self, request: dict[str, Any], cluster: dict[str, Any]) -> Response:
        definition = run_task_request.definition_of(request)
        run_task_request.check(request, definition, cluster)
        answers = []
        for _ in range(request.get("count", 1)):
            run = TaskRun(new_task(request, definition, cluster, time.time()), definition, self._host)
            with self._lock:
                if self._closing:
                    raise run_task_request.RefusedError("ServerException", "The local emulator is being stopped.")
                self._runs[run.task["taskArn"]] = run
            ecs._tasks[run.task["taskArn"]] = run.task
            if run.task["tags"]:
                ecs._tags[run.task["taskArn"]] = list(run.task["tags"])
            answers.append(responses.json_response(ecs._sanitize(run.task), 200)[2])
            run.start()
        body = b'{"tasks":[' + b",".join(answers) + b'],"failures":[]}'
        return 200, responses.json_response({}, 200)[1], body

    def _stopped_at(self, task_arn: str) -> float | None:
        run = self._runs.get(task_arn)
        return run.task["stoppedAt"] if run else 0.0

    def _sweep_forever(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            try:
                self.forget_stopped(time.time() - VISIBLE_SECONDS)
            except Exception:
                logger.exception("forgetting stopped tasks failed; they stay visible")

    def forget_stopped(self, before: float) -> None:
        """Removes tasks that stopped before a time in seconds since 1970, and their folders. Their logs stay."""
        with self._lock:
            gone = [
                arn
                for arn, run in self._runs.items()
                if run.task["stoppedAt"] is not None and run.task["stoppedAt"] < before
            ]
            runs = [self._runs.pop(arn) for arn in gone]
        for run in runs:
            arn = run.task["taskArn"]
            with run._scope():
                ecs._tasks.pop(arn, None)
            self._host.metadata.forget(arn)
            shutil.rmtree(self._host.folder / task_id(run.task), ignore_errors=True)
