"""template.yaml as CloudFormation sees it: translated by the SAM translator, offline, with the parameters' values.

The lint of SAM source misses real errors, and a policy behind `!If` is two policies. So the tests look at the
translation with its conditions resolved. `parameter_combinations.py` chooses the values.
"""

import copy
import functools
import logging
import os
import re
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the translator gets the partition from botocore
logging.getLogger("samtranslator.metrics").setLevel(
    logging.CRITICAL
)  # logs an error for each metric, and there is no collector

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


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        """A lookup of managed policies by name, which the template does not use."""
        return {}


@functools.cache
def _parsed() -> dict[str, Any]:
    return yaml_parse(TEMPLATE.read_text(encoding="utf-8"))


def source() -> dict[str, Any]:
    """Returns the source of the template, as a copy that the caller may change."""
    return copy.deepcopy(_parsed())


def translate(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, Any]:
    """Translates a SAM template to CloudFormation.

    `given` are parameter values, which the service knows when it translates.
    """
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key.zip"
    globals_ = template.get("Globals", {}).get("Function", {})
    globals_.pop("CodeUri", None)
    return transform(template, given or {}, _NoManagedPolicies())


def parameters(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, str]:
    """Returns all parameters: the given ones, and defaults for the rest."""
    values = {name: str(parameter.get("Default", "")) for name, parameter in template["Parameters"].items()}
    return {**values, **(given or {})}


def choose(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, Any]:
    """Resolves the conditions: removes each `Fn::If` and each resource that would not be created.

    The result is a template.
    """
    chosen = copy.deepcopy(template)
    conditions = _Conditions(chosen.get("Conditions", {}), parameters(chosen, given))
    for section in ("Resources", "Outputs"):
        kept = {
            name: it
            for name, it in chosen[section].items()
            if "Condition" not in it or conditions.holds(it["Condition"])
        }
        for it in kept.values():
            it.pop("Condition", None)
        chosen[section] = _prune(kept, conditions)
    chosen.pop("Conditions", None)
    for name, value in (
        given or {}
    ).items():  # the lint follows defaults: they must be those of the branch that was taken
        parameter = chosen["Parameters"][name]
        parameter["Default"] = int(value) if parameter["Type"] == "Number" else value
    return chosen


def holds(template: dict[str, Any], condition: str, given: dict[str, str]) -> bool:
    """Returns whether a condition is true with these parameters."""
    return _Conditions(template["Conditions"], parameters(template, given)).holds(condition)


def resolve(template: dict[str, Any], given: dict[str, str] | None = None) -> dict[str, Any]:
    """Resolves conditions and the references that are known before a deployment.

    `Ref` of a resource becomes `<Name>`, and `Fn::GetAtt` becomes `<Name.Attribute>`.
    """
    chosen = choose(template, given)
    values = {**PSEUDO, **parameters(chosen, given)}
    for section in ("Resources", "Outputs"):
        chosen[section] = _resolve(chosen[section], values)
    return chosen


def part(template: dict[str, Any], value: Any, given: dict[str, str]) -> Any:
    """Resolves a part of the translation. The result is `{"Ref": "AWS::NoValue"}` if the part is removed."""
    values = parameters(template, given)
    pruned = _prune(value, _Conditions(template["Conditions"], values))
    return pruned if pruned == NO_VALUE else _resolve(pruned, {**PSEUDO, **values})


def parameters_in(template: dict[str, Any], value: Any) -> set[str]:
    """Returns the parameters that a part depends on, through references and conditions."""
    if isinstance(value, list):
        return set().union(*(parameters_in(template, item) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(parameters_in(template, item) for item in value.values()))
    texts = [value["Ref"]] if "Ref" in value else []
    if "Fn::Sub" in value:
        texts += re.findall(
            r"\${([^}]*)}", value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        )
    found |= set(texts) & set(template["Parameters"])
    conditions = [value["Fn::If"][0]] if "Fn::If" in value else []
    conditions += [value["Condition"]] if isinstance(value.get("Condition"), str) else []
    return found.union(*(parameters_in(template, template["Conditions"][name]) for name in conditions))


class _Conditions:
    def __init__(self, definitions: dict[str, Any], values: dict[str, str]) -> None:
        self._definitions, self._values = definitions, values

    def holds(self, name: str) -> bool:
        return self._decide(self._definitions[name])

    def _decide(self, expression: Any) -> bool:
        ((function, argument),) = expression.items()
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


NO_VALUE = {"Ref": "AWS::NoValue"}


def _prune(value: Any, conditions: _Conditions) -> Any:
    if isinstance(value, list):
        return [item for item in (_prune(item, conditions) for item in value) if item != NO_VALUE]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        name, then, otherwise = value["Fn::If"]
        return _prune(then if conditions.holds(name) else otherwise, conditions)
    pruned = {key: _prune(item, conditions) for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item != NO_VALUE}


def _resolve(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {key: _resolve(item, values) for key, item in value.items()}
    ((function, argument),) = value.items()
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
