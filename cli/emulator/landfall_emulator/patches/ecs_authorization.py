"""IAM of ECS calls.

Stock: any call that names a cluster is checked against the cluster's ARN, so a correct policy on the task definition is
denied. The condition keys `ecs:cluster` and `aws:ResourceTag` are unknown.
AWS: "Actions, resources, and condition keys for Amazon ECS" in the Service Authorization Reference. RunTask is checked
on the task definition's ARN with its revision, StopTask and DescribeTasks on the task's ARN, ListTasks on the cluster's
container instances. All of them support `ecs:cluster`, and those on a task
`aws:ResourceTag/KEY`.
Here: as AWS. (RunTask itself checks PassRole, see tasks/request.py.)
"""

import contextvars
import json
from typing import Any

from ..assumptions import module, replace, require

TASK_ACTIONS = ("StopTask", "DescribeTasks", "ExecuteCommand", "UpdateTaskProtection", "GetTaskProtection")

_cluster_arn: contextvars.ContextVar[str | None] = contextvars.ContextVar("landfall_ecs_cluster", default=None)


def apply() -> None:
    """Corrects the resource and adds the condition key."""
    actions = module("ministack.core.iam_actions")
    evaluator = module("ministack.core.iam_evaluator")
    ecs = module("ministack.services.ecs")
    for name in ("_task_defs", "_resolve_td_key", "_resolve_cluster_name", "_tags"):
        require(ecs, name)

    def resource_of(action: str, request: dict[str, Any], region: str, account: str, stock: str) -> str:
        cluster = ecs._resolve_cluster_name(request.get("cluster") or "default")
        prefix = f"arn:aws:ecs:{region}:{account}"
        _cluster_arn.set(f"{prefix}:cluster/{cluster}")
        if action == "RunTask":
            key = ecs._resolve_td_key(request.get("taskDefinition") or "")
            definition = ecs._task_defs.get(key)
            return definition["taskDefinitionArn"] if definition else f"{prefix}:task-definition/{key}"
        if action in TASK_ACTIONS:
            reference = request.get("task") or next(iter(request.get("tasks") or []), "*")
            return reference if reference.startswith("arn:") else f"{prefix}:task/{cluster}/{reference}"
        if action == "ListTasks":
            return f"{prefix}:container-instance/{cluster}/*"
        return stock

    def extract(
        service: str,
        method: str,
        path: str,
        headers: dict,
        body: bytes,
        query_params: dict,
        region: str,
        account_id: str,
    ) -> str:
        stock = stock_extract(service, method, path, headers, body, query_params, region, account_id)
        _cluster_arn.set(None)
        if service != "ecs":
            return stock
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return stock
        action = (headers.get("x-amz-target") or "").rsplit(".", 1)[-1]
        return resource_of(action, request, region, account_id, stock) if isinstance(request, dict) else stock

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict | None = None,
    ) -> Any:
        cluster = _cluster_arn.get()
        context = service_context
        if service == "ecs" and cluster:
            tags = {f"aws:ResourceTag/{tag['key']}": tag["value"] for tag in ecs._tags.get(resource_arn) or []}
            context = {**(service_context or {}), "ecs:cluster": cluster, **tags}
        return stock_enforce(
            access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=context
        )

    stock_extract = replace(
        actions,
        "extract_resource_arn",
        extract,
        ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
    )
    stock_enforce = replace(
        evaluator,
        "enforce",
        enforce,
        ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"),
    )
