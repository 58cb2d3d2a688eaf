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
    "AWS::AccountId": "111122223333",
    "AWS::Region": "eu-west-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}

# Values that switch a condition or are taken apart somewhere.
CHOICES: dict[str, list[str]] = {
    "LandingBuckets": ["", "acme-landing", "acme-landing,acme-second"],
    "SubnetIds": ["", "subnet-0aaa,subnet-0bbb"],
    "AssignPublicIp": ["auto", "true"],
    "BatchWindow": ["0", "5"],
    "Architecture": ["x86_64", "arm64"],
}
COMBINATIONS = [dict(zip(CHOICES, values)) for values in itertools.product(*CHOICES.values())]

# The combinations that make other resources; the rest only puts other values in. Each value of each choice is in one at least.
SHAPES = [
    {"LandingBuckets": "", "SubnetIds": "", "AssignPublicIp": "auto", "BatchWindow": "5"},
    {"LandingBuckets": "acme-landing,acme-second", "SubnetIds": "", "AssignPublicIp": "true", "BatchWindow": "0"},
    {"LandingBuckets": "", "SubnetIds": "subnet-0aaa,subnet-0bbb", "AssignPublicIp": "true", "BatchWindow": "5"},
    {"LandingBuckets": "acme-landing", "SubnetIds": "subnet-0aaa,subnet-0bbb", "AssignPublicIp": "auto", "BatchWindow": "0"},
]


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
    kept = {
        name: resource for name, resource in chosen["Resources"].items() if "Condition" not in resource or conditions.holds(resource["Condition"])
    }
    for resource in kept.values():
        resource.pop("Condition", None)
    chosen["Resources"] = kept
    for section in ("Resources", "Outputs"):
        chosen[section] = _prune(chosen[section], conditions)
    chosen.pop("Conditions", None)
    for name, value in (given or {}).items():  # the lint follows defaults: they must be those of the branch that was taken
        parameter = chosen["Parameters"][name]
        parameter["Default"] = int(value) if parameter["Type"] == "Number" else value
    return chosen


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
