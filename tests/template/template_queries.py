"""Queries on a template, for the rules. They work alike on a resolved and on a tracked template."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from parameter_combinations import TrackedTemplate

Template = dict[str, Any] | TrackedTemplate
Finding = str


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Returns all resources of a type by logical id."""
    if isinstance(template, TrackedTemplate):
        return template.of_kind(kind)
    return {name: found for name, found in template["Resources"].items() if found["Type"] == kind}


def of_type(template: Template, kind: str) -> dict[str, Mapping[str, Any]]:
    """Returns the properties of all resources of a type by logical id."""
    return {name: found.get("Properties", {}) for name, found in resources(template, kind).items()}


def listed(value: Any) -> list[Any]:
    """Returns a policy element as a list. IAM allows one value in place of a list."""
    return value if isinstance(value, list) else [value]


def value_of(template: Template, parameter: str) -> str:
    """Returns the parameter's value in a resolved template."""
    if isinstance(template, TrackedTemplate):
        return template.value(parameter)
    return str(template["Parameters"][parameter].get("Default", ""))


def of_kinds_that_declare(template: Template, keys: set[str]) -> dict[str, Mapping[str, Any]]:
    """Returns the properties of all resources whose type declares one of these properties anywhere."""
    whole = template.everything.template if isinstance(template, TrackedTemplate) else template
    kinds = {found["Type"] for found in whole["Resources"].values() if keys & set(found.get("Properties", {}))}
    return {name: found for kind in sorted(kinds) for name, found in of_type(template, kind).items()}


def declared(template: Template) -> dict[str, dict[str, Any]]:
    """Returns the declarations of the parameters."""
    return template.parameters if isinstance(template, TrackedTemplate) else template["Parameters"]


def pattern(rule: dict[str, Any]) -> dict[str, Any]:
    """Returns the event pattern of a rule, which may be JSON text."""
    given = rule["EventPattern"]
    return json.loads(given) if isinstance(given, str) else given


def role_statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each statement of a role or a policy with the logical id of the resource."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for name, policy in (of_type(template, "AWS::IAM::ManagedPolicy") | of_type(template, "AWS::IAM::Policy")).items():
        for statement in policy["PolicyDocument"]["Statement"]:
            yield name, statement


def rights_of_roles(template: Template) -> dict[str, list[dict[str, Any]]]:
    """Returns all statements of a role: its own, and those of the template's policies attached to it."""
    managed = of_type(template, "AWS::IAM::ManagedPolicy")
    attached = of_type(template, "AWS::IAM::Policy")
    found = {}
    for name, role in of_type(template, "AWS::IAM::Role").items():
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        documents += [
            managed[arn.strip("<>")]["PolicyDocument"]
            for arn in role.get("ManagedPolicyArns", [])
            if arn.strip("<>") in managed
        ]
        documents += [policy["PolicyDocument"] for policy in attached.values() if f"<{name}>" in policy["Roles"]]
        found[name] = [statement for document in documents for statement in document["Statement"]]
    return found


def statement_of(role: dict[str, Any], sid: str) -> dict[str, Any]:
    """Returns a statement of a role or managed policy by its Sid."""
    properties = role["Properties"]
    documents = (
        [properties["PolicyDocument"]]
        if "PolicyDocument" in properties
        else [p["PolicyDocument"] for p in properties["Policies"]]
    )
    return next(s for document in documents for s in document["Statement"] if s.get("Sid") == sid)
