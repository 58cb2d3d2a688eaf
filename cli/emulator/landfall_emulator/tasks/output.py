"""A container's output, which goes to the task's file and, with the log driver `awslogs`, to CloudWatch Logs.

"Using the awslogs log driver" in the Amazon ECS Developer Guide. The stream's name is prefix/container/task id.
"""

import logging
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from .. import permissions
from ..assumptions import module, require

ecs = module("ministack.services.ecs")
cloudwatch_logs = module("ministack.services.cloudwatch_logs")

require(ecs, "_awslogs_config", ("cdef", "task_id", "container_id"))
require(ecs, "_ensure_awslogs_stream", ("config",))
require(cloudwatch_logs, "_log_groups")
require(cloudwatch_logs, "_put_log_events", ("data",))

logger = logging.getLogger("landfall")

CHUNK_BYTES = 64 * 1024
MESSAGE_MAX_BYTES = 256 * 1024


STREAM_FAILED = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
    "failed to create Cloudwatch log stream"
)


class LogsUnavailableError(Exception):
    """The log group is missing, or the execution role cannot write to it. The message is the task's stopped reason."""


def prepare_logs(
    container: dict[str, Any], task_id: str, container_id: str, execution_role: str | None, account: str, region: str
) -> dict[str, Any] | None:
    """Creates the log stream of a container definition. Returns the stream's target, or None without `awslogs`."""
    target = ecs._awslogs_config(container, task_id, container_id)
    if target is None:
        return None
    stream_arn = (
        f"arn:aws:logs:{target['region'] or region}:{account}:log-group:{target['group']}:log-stream:{target['stream']}"
    )
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if execution_role is None or not permissions.role_may(execution_role, action, stream_arn):
            raise LogsUnavailableError(
                f"{STREAM_FAILED}: AccessDeniedException: {execution_role or 'a task without an execution role'} "
                f"is not authorized to perform: {action} on resource: {stream_arn} : exit status 1"
            )
    if not ecs._ensure_awslogs_stream(target):
        raise LogsUnavailableError(
            f"{STREAM_FAILED}: ResourceNotFoundException: The specified log group does not exist. : exit status 1"
        )
    return target


class Output:
    """Reads a container's output until its end.

    Sends each byte at once to the file, and complete lines to CloudWatch Logs.
    """

    def __init__(self, stream: BinaryIO, file: Path, target: dict[str, Any] | None, scope: Any) -> None:
        self._stream, self._file, self._target, self._scope = stream, file, target, scope
        self._thread = threading.Thread(target=self._pump, daemon=True, name=f"landfall-output-{file.stem[:8]}")
        self._thread.start()

    def finish(self, timeout_seconds: float) -> None:
        """Waits until all output is delivered, at most `timeout_seconds`."""
        self._thread.join(timeout_seconds)

    def _pump(self) -> None:
        rest = b""
        with self._stream, self._file.open("ab") as file, self._scope():
            while chunk := self._stream.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
                file.write(chunk)
                file.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > MESSAGE_MAX_BYTES:
                    lines, rest = [*lines, rest], b""
                self._send(lines)
            self._send([rest] if rest else [])

    def _send(self, lines: list[bytes]) -> None:
        if self._target is None or not lines:
            return
        now = int(time.time() * 1000)
        status, _, body = cloudwatch_logs._put_log_events(
            {
                "logGroupName": self._target["group"],
                "logStreamName": self._target["stream"],
                "logEvents": [
                    {"timestamp": now, "message": line.decode("utf-8", errors="replace").rstrip("\r")} for line in lines
                ],
            }
        )
        if status != 200:
            logger.warning("task output not taken by CloudWatch Logs group %s: %s", self._target["group"], body)
