"""IAM of EventBridge Scheduler calls.

Stock: the resource of a schedule in any group is `schedule/default/NAME`.
AWS: `schedule/GROUP/NAME` ("Actions, resources, and condition keys for Amazon EventBridge Scheduler").
Here: as AWS. Calls that create or change a schedule have the group in the body, other calls in the query.
"""

import json

from ..assumptions import module, replace


def apply() -> None:
    """Adds the group to the resource."""
    actions = module("ministack.core.iam_actions")

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
        found = stock(service, method, path, headers, body, query_params, region, account_id)
        if service != "scheduler" or ":schedule/default/" not in found:
            return found
        group = group_of(body, query_params)
        return found.replace(":schedule/default/", f":schedule/{group}/", 1)

    stock = replace(
        actions,
        "extract_resource_arn",
        extract,
        ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
    )


def group_of(body: bytes, query_params: dict) -> str:
    """Returns the group that a call names, or `default`."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        request = {}
    named = request.get("GroupName") if isinstance(request, dict) else None
    if not named:
        named = query_params.get("groupName")
        named = named[0] if isinstance(named, list) and named else named
    return named if isinstance(named, str) and named else "default"
