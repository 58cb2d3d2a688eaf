"""Whether a role, a caller or an AWS service may do something, by ministack's own evaluator.

ministack enforces IAM on what comes over HTTP. What a service does for somebody (EventBridge sends to a queue, ECS passes
a role) it does not check, so those checks are made here. All of them say yes when IAM isn't enforced.
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
    """Whether IAM is enforced at all."""
    return bool(app.AUTH)


def role_name(role_arn: str) -> str:
    """The name in a role's ARN, without its path."""
    return role_arn.rsplit("/", 1)[-1]


def caller_denied(action: str, resource: str, context: dict[str, str]) -> str | None:
    """Why the caller of the request that is being served may not do `action`, in AWS's words, or None if it may.

    The account's root may do anything."""
    key = evaluator._verified_key.get()  # set once a signature was checked, which root's never is
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
    """Whether a role's own policies allow an action."""
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
    """Whether the role exists and its trust policy lets the service (`ecs-tasks.amazonaws.com`) assume it."""
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
    """Whether a resource's policy lets an AWS service act on it for `source_arn`, as EventBridge on a function."""
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
