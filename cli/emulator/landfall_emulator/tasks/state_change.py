"""The "ECS Task State Change" event.

Shape: "Amazon ECS task state change events" (ecs_task_events) in the Amazon ECS Developer Guide; the fields of a stopped
task: "Task" in the Amazon ECS API Reference. The test beside this package lists them.
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
    """A time as ECS events carry it: UTC with milliseconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def detail(task: dict[str, Any], now: float) -> dict[str, Any]:
    """The event's detail for a task record as it is now (times in the record are seconds since 1970)."""
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
    """Put the event on the default bus of the account and region in scope."""
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
