"""template.yaml as CloudFormation will see it: translated by the SAM translator, offline, with parameter values put in.

The lint of SAM source misses real errors, and a policy behind `!If` is two policies: so everything here looks at the translation,
once for each combination of parameters that changes resources.
"""

import copy
import functools
import itertools
import logging
import os
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the translator asks botocore for the partition
logging.getLogger("samtranslator.metrics").setLevel(logging.CRITICAL)  # complains of telemetry that nobody asked for

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATE = CHECKOUT / "template.yaml"

PSEUDO = {
    "AWS::StackName": "shop",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/0a1b2c3d-1111-2222-3333-444455556666",
    "AWS::AccountId": "111122223333",
    "AWS::Region": "eu-west-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}

# Values that switch a condition or are taken apart somewhere.
CHOICES: dict[str, list[str]] = {
    "LandingBuckets": ["", "acme-landing", "acme-landing,acme-second"],
    "LandingPrefixes": ["", "raw/orders/,raw/payments/"],
    "Deletions": ["ignore", "deliver"],
    "SubnetIds": ["", "subnet-0aaa,subnet-0bbb"],
    "AssignPublicIp": ["auto", "true", "false"],
    "BatchWindow": ["5", "0"],
    "ClusterArn": ["", "arn:aws:ecs:eu-west-1:111122223333:cluster/shared"],
    "EcrRepositoryUri": ["", "444455556666.dkr.ecr.eu-central-1.amazonaws.com/data/dbt"],
    "TaskRolePolicyArns": ["", "arn:aws:iam::aws:policy/AmazonAthenaFullAccess,arn:aws:iam::111122223333:policy/lake"],
    "SecretArn1": ["", "DBT_PASSWORD=arn:aws:secretsmanager:eu-west-1:111122223333:secret:warehouse-AbCdEf:password::"],
    "SecretArn2": ["", "DBT_KEY=arn:aws:secretsmanager:eu-west-1:111122223333:secret:data/key-AbCdEf"],
    "SecretArn3": ["", "C=arn:aws:secretsmanager:eu-west-1:111122223333:secret:c-AbCdEf"],
    "SecretArn4": ["", "D=arn:aws:secretsmanager:eu-west-1:111122223333:secret:d-AbCdEf"],
    "SecretArn5": ["", "E=arn:aws:secretsmanager:eu-west-1:111122223333:secret:e-AbCdEf"],
    "KmsKeyArns": ["", "arn:aws:kms:eu-west-1:111122223333:key/one,arn:aws:kms:eu-west-1:111122223333:key/two"],
    "PermissionsBoundaryArn": ["", "arn:aws:iam::111122223333:policy/boundary"],
    "RolePath": ["/", "/data/"],
    "AlarmEmail": ["", "data@example.com"],
    "DocsAccess": ["private", "basic", "ip", "public"],
    "Architecture": ["arm64", "x86_64"],
}
# What belongs to a choice without being one.
WITH_DOCS = {"DocsCredentialsSha256": "0" * 64, "DocsAllowedIps": "203.0.113.0/24,2001:db8::/32"}


def _pairs(row: dict[str, str]) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    return set(itertools.combinations(row.items(), 2))


def _pairwise() -> list[dict[str, str]]:
    """Rows in which each value of each choice meets each value of each other: nearly all conditions depend on one parameter, none on more
    than two, so every set of resources that a condition makes, and every two of them together, is in some row."""
    names = list(CHOICES)
    missing = {
        ((one, left), (other, right))
        for one, other in itertools.combinations(names, 2)
        for left, right in itertools.product(CHOICES[one], CHOICES[other])
    }
    rows = [{name: values[0] for name, values in CHOICES.items()}]
    missing -= _pairs(rows[0])
    while missing:
        row = dict(min(missing))
        for name in names:
            if name not in row:
                row[name] = max(CHOICES[name], key=lambda value: _gain(names, row, name, value, missing))
        rows.append({name: row[name] for name in names})
        missing -= _pairs(rows[-1])
    return rows


def _gain(names: list[str], row: dict[str, str], name: str, value: str, missing: set) -> int:
    longer = {**row, name: value}
    return len(_pairs({key: longer[key] for key in names if key in longer}) & missing)


# The first is the template's defaults.
COMBINATIONS = [{**row, **WITH_DOCS} for row in _pairwise()]


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        """None are looked up by name: the roles are the template's own."""
        return {}


@functools.cache
def _parsed() -> dict[str, Any]:
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def source() -> dict[str, Any]:
    """The template as it is written; a copy to change at will."""
    return copy.deepcopy(_parsed())


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation for a SAM template; code is taken as packaged."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key.zip"
    globals_ = template.get("Globals", {}).get("Function", {})
    globals_.pop("CodeUri", None)
    return transform(template, {}, _NoManagedPolicies())


def parameters(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, str]:
    """All parameters: the defaults, and over them what is given."""
    values = {name: str(parameter.get("Default", "")) for name, parameter in template["Parameters"].items()}
    return {**values, **(given or {})}


def choose(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, Any]:
    """The translation with its conditions decided: no `Fn::If`, no resource that would not be made. Still lintable."""
    chosen = copy.deepcopy(template)
    conditions = _Conditions(chosen.get("Conditions", {}), parameters(chosen, given))
    for section in ("Resources", "Outputs"):
        kept = {name: it for name, it in chosen[section].items() if "Condition" not in it or conditions.holds(it["Condition"])}
        for it in kept.values():
            it.pop("Condition", None)
        chosen[section] = _prune(kept, conditions)
    chosen.pop("Conditions", None)
    for name, value in (given or {}).items():  # the lint follows defaults: they must be those of the branch that was taken
        parameter = chosen["Parameters"][name]
        parameter["Default"] = int(value) if parameter["Type"] == "Number" else value
    return chosen


def holds(template: dict[str, Any], condition: str, given: dict[str, str]) -> bool:
    """Whether a condition is met with these parameters."""
    return _Conditions(template["Conditions"], parameters(template, given)).holds(condition)


def resolve(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, Any]:
    """The chosen template with its references put in as far as they are known before a deploy: `Ref` of a resource becomes
    `<Name>`, `Fn::GetAtt` of it `<Name.Attribute>`."""
    chosen = choose(template, given)
    values = {**PSEUDO, **parameters(chosen, given)}
    for section in ("Resources", "Outputs"):
        chosen[section] = _resolve(chosen[section], values)
    return chosen


class _Conditions:
    def __init__(self, definitions: dict[str, Any], values: dict[str, str]) -> None:
        self._definitions, self._values = definitions, values

    def holds(self, name: str) -> bool:
        return self._decide(self._definitions[name])

    def _decide(self, expression: Any) -> bool:
        (function, argument), = expression.items()
        match function:
            case "Condition":
                return self.holds(argument)
            case "Fn::Equals":
                left, right = (str(_resolve(side, self._values)) for side in argument)
                return left == right
            case "Fn::Not":
                return not self._decide(argument[0])
            case "Fn::And":
                return all(map(self._decide, argument))
            case "Fn::Or":
                return any(map(self._decide, argument))
        raise ValueError(f"unknown function in a condition: {function}")


_NO_VALUE = {"Ref": "AWS::NoValue"}


def _prune(value: Any, conditions: _Conditions) -> Any:
    if isinstance(value, list):
        return [item for item in (_prune(item, conditions) for item in value) if item != _NO_VALUE]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        name, then, otherwise = value["Fn::If"]
        return _prune(then if conditions.holds(name) else otherwise, conditions)
    pruned = {key: _prune(item, conditions) for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item != _NO_VALUE}


def _resolve(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {key: _resolve(item, values) for key, item in value.items()}
    (function, argument), = value.items()
    match function:
        case "Ref":
            return values.get(argument, f"<{argument}>")
        case "Fn::GetAtt":
            return f"<{argument if isinstance(argument, str) else '.'.join(argument)}>"
        case "Fn::Join":
            delimiter, items = argument
            return delimiter.join(_resolve(items, values))
        case "Fn::Split":
            delimiter, text = argument
            return _resolve(text, values).split(delimiter)
        case "Fn::Select":
            index, items = argument
            return _resolve(items, values)[int(index)]
        case "Fn::GetAZs":
            return ["eu-west-1a", "eu-west-1b"]
        case "Fn::Sub":
            text, names = (argument, {}) if isinstance(argument, str) else argument
            return _substitute(text, {**values, **_resolve(names, values)})
    return {function: _resolve(argument, values)}


def _substitute(text: str, values: dict[str, str]) -> str:
    parts = text.split("${")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}")
        filled.append(f"{values.get(name, f'<{name}>')}{rest}")
    return "".join(filled)
