"""A task as DescribeTasks shows it.

It is in ministack's own store, so that ministack's Describe, List and tag calls work.

Shape: "Task" and "Container" in the Amazon ECS API Reference. Times are seconds since 1970.
"""

import copy
import secrets
import uuid
from typing import Any

from ..assumptions import module, require

ecs = module("ministack.services.ecs")
responses = module("ministack.core.responses")

require(ecs, "_tasks")
require(ecs, "_tags")
require(ecs, "_launch_choice", ("data", "cluster"))
require(ecs, "_task_capacity", ("launch_type", "strategy"))
require(ecs, "_requested_subnet", ("data",))

FARGATE_PLATFORM_VERSION = "1.4.0"


def new_task(
    request: dict[str, Any], definition: dict[str, Any], cluster: dict[str, Any], now: float
) -> dict[str, Any]:
    """Returns the record of a task in PROVISIONING, for a request that has been checked."""
    region, account = responses.get_region(), responses.get_account_id()
    name = cluster["clusterName"]
    task_id = uuid.uuid4().hex
    task_arn = f"arn:aws:ecs:{region}:{account}:task/{name}/{task_id}"
    chosen, strategy, _ = ecs._launch_choice(request, cluster)
    launch_type, capacity_provider = ecs._task_capacity(chosen, strategy)
    overrides = copy.deepcopy(request.get("overrides") or {})
    overrides.setdefault("containerOverrides", [])
    overrides.setdefault("inferenceAcceleratorOverrides", [])
    fargate = launch_type == "FARGATE"
    attachments = (
        [_network_interface(ecs._requested_subnet(request))] if definition.get("networkMode") == "awsvpc" else []
    )
    return {
        "attachments": attachments,
        "attributes": [
            {
                "name": "ecs.cpu-architecture",
                "value": (definition.get("runtimePlatform") or {}).get("cpuArchitecture", "X86_64").lower(),
            }
        ],
        "availabilityZone": f"{region}a",
        "capacityProviderName": capacity_provider,
        "clusterArn": cluster["clusterArn"],
        "connectivity": None,
        "connectivityAt": None,
        "containers": [
            _container(container, task_arn, name, attachments) for container in definition["containerDefinitions"]
        ],
        "cpu": overrides.get("cpu") or definition.get("cpu") or "256",
        "createdAt": now,
        "desiredStatus": "RUNNING",
        "enableExecuteCommand": bool(request.get("enableExecuteCommand", False)),
        "ephemeralStorage": overrides.get("ephemeralStorage")
        or definition.get("ephemeralStorage")
        or {"sizeInGiB": 20},
        "executionStoppedAt": None,
        "group": request.get("group") or f"family:{definition['family']}",
        "healthStatus": "UNKNOWN",
        "lastStatus": "PROVISIONING",
        "launchType": launch_type,
        "memory": overrides.get("memory") or definition.get("memory") or "512",
        "overrides": overrides,
        "platformFamily": "Linux" if fargate else None,
        "platformVersion": FARGATE_PLATFORM_VERSION if fargate else None,
        "pullStartedAt": None,
        "pullStoppedAt": None,
        "startedAt": None,
        "startedBy": request.get("startedBy") or None,
        "stopCode": None,
        "stoppedAt": None,
        "stoppedReason": None,
        "stoppingAt": None,
        "tags": request.get("tags") or [],
        "taskArn": task_arn,
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "version": 1,
    }


def task_id(task: dict[str, Any]) -> str:
    """Returns the last part of a task's ARN."""
    return task["taskArn"].rsplit("/", 1)[-1]


def _container(definition: dict[str, Any], task_arn: str, cluster: str, attachments: list[dict]) -> dict[str, Any]:
    region, account = responses.get_region(), responses.get_account_id()
    interfaces = [{"attachmentId": attachment["id"], "privateIpv4Address": "127.0.0.1"} for attachment in attachments]
    identifier = f"{task_arn.rsplit('/', 1)[-1]}/{uuid.uuid4()}"
    return {
        "containerArn": f"arn:aws:ecs:{region}:{account}:container/{cluster}/{identifier}",
        "cpu": str(definition.get("cpu", 0)),
        "exitCode": None,
        "healthStatus": "UNKNOWN",
        "image": definition["image"],
        "lastStatus": "PENDING",
        "memory": str(definition["memory"]) if definition.get("memory") else None,
        "name": definition["name"],
        "networkBindings": None if interfaces else [],
        "networkInterfaces": interfaces,
        "reason": None,
        "runtimeId": None,
        "taskArn": task_arn,
    }


def _network_interface(subnet: str | None) -> dict[str, Any]:
    tail = secrets.token_hex(8)
    return {
        "id": str(uuid.uuid4()),
        "type": "eni",
        "status": "ATTACHED",
        "details": [
            {"name": "subnetId", "value": subnet or ""},
            {"name": "networkInterfaceId", "value": f"eni-0{tail}"},
            {"name": "privateIPv4Address", "value": "127.0.0.1"},
        ],
    }
