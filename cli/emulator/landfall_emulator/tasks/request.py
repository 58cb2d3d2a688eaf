"""Checks RunTask requests as AWS does before it starts a task.

"RunTask" in the Amazon ECS API Reference. AWS checks the cluster, the task definition, the parameters and the roles, in
this order.
"""

import json
from typing import Any

from .. import permissions
from ..assumptions import module, require

ecs = module("ministack.services.ecs")

require(ecs, "_clusters")
require(ecs, "_task_defs")
require(ecs, "_resolve_cluster_name", ("ref",))
require(ecs, "_resolve_td_key", ("ref",))
require(ecs, "_launch_choice", ("data", "cluster"))

OVERRIDES_MAX_CHARACTERS = 8192
COUNT_MAX = 10
TASK_PRINCIPAL = "ecs-tasks.amazonaws.com"


class RefusedError(Exception):
    """RunTask returns an error. `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def cluster_of(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Returns the name and record of the cluster that the request names, or of `default`."""
    name = ecs._resolve_cluster_name(request.get("cluster") or "default")
    cluster = ecs._clusters.get(name) if name else None
    if cluster is None or cluster.get("status") == "INACTIVE":
        raise RefusedError("ClusterNotFoundException", "Cluster not found.")
    return name, cluster


def definition_of(request: dict[str, Any]) -> dict[str, Any]:
    """Returns the task definition by ARN, by family:revision, or the latest active revision by family."""
    reference = request.get("taskDefinition")
    if not reference:
        raise RefusedError("ClientException", "TaskDefinition can not be blank.")
    definition = ecs._task_defs.get(ecs._resolve_td_key(reference))
    if definition is None:
        raise RefusedError("ClientException", "TaskDefinition not found.")
    if definition.get("status", "ACTIVE") != "ACTIVE":
        raise RefusedError("ClientException", "TaskDefinition is inactive")
    return definition


def check(request: dict[str, Any], definition: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Raises RefusedError unless the request may start tasks."""
    count = request.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= COUNT_MAX:
        raise RefusedError("InvalidParameterException", f"Count must be between 1 and {COUNT_MAX}.")
    overrides = request.get("overrides") or {}
    if len(json.dumps(overrides, separators=(",", ":"), ensure_ascii=False)) > OVERRIDES_MAX_CHARACTERS:
        raise RefusedError(
            "InvalidParameterException", f"Container Overrides length must be at most {OVERRIDES_MAX_CHARACTERS}"
        )
    names = {container["name"] for container in definition["containerDefinitions"]}
    for override in overrides.get("containerOverrides") or []:
        if override.get("name") not in names:
            raise RefusedError(
                "InvalidParameterException",
                f"Override for container named {override.get('name')} is not a container in the TaskDefinition.",
            )
    network = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if definition.get("networkMode") == "awsvpc":
        if not network:
            raise RefusedError(
                "InvalidParameterException",
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            )
        if not network.get("subnets"):
            raise RefusedError("InvalidParameterException", "subnets can not be empty.")
    elif network:
        raise RefusedError(
            "InvalidParameterException",
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )
    _, _, error = ecs._launch_choice(request, cluster)
    if error is not None:
        raise RefusedError("InvalidParameterException", json.loads(error[2])["message"])
    launch_type, compatible = request.get("launchType"), definition.get("requiresCompatibilities") or []
    if launch_type == "FARGATE" and "FARGATE" not in compatible:
        raise RefusedError("InvalidParameterException", "Task definition does not support launch_type FARGATE.")
    _check_roles(overrides, definition)


def task_role(overrides: dict[str, Any], definition: dict[str, Any]) -> str | None:
    """Returns the ARN of the role that the task's containers use."""
    return overrides.get("taskRoleArn") or definition.get("taskRoleArn")


def execution_role(overrides: dict[str, Any], definition: dict[str, Any]) -> str | None:
    """Returns the ARN of the role that ECS uses for the task's image, logs and secrets."""
    return overrides.get("executionRoleArn") or definition.get("executionRoleArn")


def _check_roles(overrides: dict[str, Any], definition: dict[str, Any]) -> None:
    for role in (task_role(overrides, definition), execution_role(overrides, definition)):
        if not role:
            continue
        denied = permissions.caller_denied("iam:PassRole", role, {"iam:PassedToService": TASK_PRINCIPAL})
        if denied:
            raise RefusedError("AccessDeniedException", denied)
        if not permissions.role_trusts(role, TASK_PRINCIPAL):
            raise RefusedError(
                "ClientException",
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the "
                "role being passed has the proper trust relationship and permissions and that your IAM user has "
                "permissions to pass this role.",
            )
