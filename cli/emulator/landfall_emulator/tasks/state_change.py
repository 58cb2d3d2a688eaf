"""The "ECS Task State Change" event.

"Amazon ECS task state change events" (ecs_task_events) in the Amazon ECS Developer Guide describes its form, and "Task"
in the Amazon ECS API Reference the fields of a stopped task. tests/test_ecs_tasks.py lists them.
"""

import copy
import json
from datetime import UTC, datetime
from typing import Any

from ..assumptions import module, require

eventbridge = module("ministack.services.eventbridge")
ecs = module("ministack.services.ecs")

require(eventbridge, "_put_events", ("data", "allow_aws_source"))
require(ecs, "_sanitize", ("obj",))

TIMES = (
    "createdAt",
    "connectivityAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stoppingAt",
    "executionStoppedAt",
    "stoppedAt",
    "updatedAt",
)
NOT_IN_EVENTS = ("tags", "enableExecuteCommand", "containerInstanceArn", "healthStatus")


def iso(epoch_seconds: float) -> str:
    """Returns a time in the format of ECS events: UTC with milliseconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def detail(task: dict[str, Any], now: float) -> dict[str, Any]:
    """Returns the event's detail for a task record. Times in the record are seconds since 1970."""
    shown = {
        name: value
        for name, value in copy.deepcopy(ecs._sanitize(task)).items()
        if value != "" and name not in NOT_IN_EVENTS
    }
    shown["updatedAt"] = now
    for name in TIMES:
        if name in shown:
            shown[name] = iso(shown[name])
    overrides = shown.get("overrides") or {}
    named = {override.get("name"): override for override in overrides.get("containerOverrides", [])}
    shown["overrides"] = {
        **overrides,
        "containerOverrides": [
            named.get(container["name"], {"name": container["name"]}) for container in shown["containers"]
        ],
    }
    return shown


def publish(task: dict[str, Any], now: float) -> None:
    """Publishes the event on the default bus of the current account and region."""
    eventbridge._put_events(
        {
            "Entries": [
                {
                    "Source": "aws.ecs",
                    "DetailType": "ECS Task State Change",
                    "Resources": [task["taskArn"]],
                    "Detail": json.dumps(detail(task, now)),
                }
            ]
        },
        allow_aws_source=True,
    )
