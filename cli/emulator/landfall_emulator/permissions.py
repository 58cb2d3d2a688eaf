"""Whether IAM allows a role, a caller or an AWS service an action, by ministack's own evaluator.

ministack enforces IAM on HTTP requests. It does not check what a service does on behalf of a caller (EventBridge sends
to a queue, ECS passes a role), so this module does. Every check passes when IAM is not enforced.
"""

import json
from typing import Any

from .assumptions import module, require

app = module("ministack.app")
evaluator = module("ministack.core.iam_evaluator")
actions = module("ministack.core.iam_actions")
responses = module("ministack.core.responses")
iam = module("ministack.services.iam")

require(app, "AUTH")
require(iam, "_roles")
require(evaluator, "_verified_key")
require(evaluator, "EvalContext")
require(evaluator, "evaluate", ("ctx", "policies"))
require(evaluator, "_gather_role_policies", ("role_name", "account_id"))
require(evaluator, "evaluate_resource_policy", ("doc", "ctx", "service"))
require(evaluator, "enforce", ("access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"))
require(actions, "identity_denial_message", ("action", "principal_arn", "resource", "explicit_deny"))
require(responses, "get_account_id", ())
require(responses, "get_region", ())


def enforced() -> bool:
    """Returns whether IAM is enforced."""
    return bool(app.AUTH)


def role_name(role_arn: str) -> str:
    """Returns the name in a role's ARN, without the path."""
    return role_arn.rsplit("/", 1)[-1]


def caller_denied(action: str, resource: str, context: dict[str, str]) -> str | None:
    """Returns AWS's message why the caller of the current request is denied `action`, or None if it is allowed.

    The account's root user is allowed everything.
    """
    key = evaluator._verified_key.get()  # set when a signature is checked, which ministack skips for root
    if not enforced() or not key:
        return None
    denied = evaluator.enforce(
        key, action, action.split(":")[0], responses.get_region(), resource_arn=resource, service_context=context
    )
    if denied is None:
        return None
    if isinstance(denied, evaluator.AuthError):
        return denied.message
    return actions.identity_denial_message(action, denied.principal_arn, resource, denied.decision == "Deny")


def role_may(role_arn: str, action: str, resource: str) -> bool:
    """Returns whether a role's own policies allow an action."""
    if not enforced():
        return True
    account = responses.get_account_id()
    name = role_name(role_arn)
    context = evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/landfall",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
    )
    return evaluator.evaluate(context, evaluator._gather_role_policies(name, account)).decision == "Allow"


def role_trusts(role_arn: str, service: str) -> bool:
    """Returns whether the role exists and its trust policy allows the service, such as `ecs-tasks.amazonaws.com`."""
    if not enforced():
        return True
    role = iam._roles.get(role_name(role_arn))
    if role is None:
        return False
    document = role.get("AssumeRolePolicyDocument") or "{}"
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in ([services] if isinstance(services, str) else services):
            return True
    return False


def service_may(policy: Any, service: str, action: str, resource: str, source_arn: str) -> bool:
    """Returns whether a resource's policy allows an AWS service an action on behalf of `source_arn`."""
    if not enforced():
        return True
    account = responses.get_account_id()
    context = evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account},
    )
    return evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"
