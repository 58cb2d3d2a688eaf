"""Chooses the parameter values to test with. All combinations make millions of templates, so there are two ways:

- The project's own rules cover every combination. Each rule is tracked: only the values that the parts it reads depend
  on are combined, because other values cannot change its result.
- cfn-lint takes a second per template. It sees each pair of values together, and each resource in each of its forms.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import translation

# Values of the parameters that switch a condition or that the template splits.
CHOICES: dict[str, list[str]] = {
    "LandingBuckets": ["", "acme-landing", "acme-landing,acme-second"],
    "LandingPrefixes": ["", "raw/orders/,raw/payments/"],
    "Deletions": ["ignore", "deliver"],
    "SubnetIds": ["", "subnet-0aaa,subnet-0bbb"],
    "AssignPublicIp": ["auto", "true", "false"],
    "BatchWindow": ["5", "1"],
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
# Parameters that a choice requires.
WITH_DOCS = {"DocsCredentialsSha256": "0" * 64, "DocsAllowedIps": "203.0.113.0/24,2001:db8::/32"}
ALL = math.prod(map(len, CHOICES.values()))


def _pairs(row: dict[str, str]) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    return set(itertools.combinations(row.items(), 2))


def _pairwise() -> list[dict[str, str]]:
    """Returns rows in which each value of each choice meets each value of every other choice.

    Nearly all conditions depend on one parameter and none on more than two. So every pair of resources is in some row.
    """
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


# The first row has the template's defaults.
PAIRS = [{**row, **WITH_DOCS} for row in _pairwise()]


class AllCombinations:
    """The translated template with all combinations of parameters.

    Each part is resolved once per combination of the values that it depends on.
    """

    def __init__(self, template: dict[str, Any]) -> None:
        self.template = template
        self._depends: dict[tuple[str, ...], list[str]] = {}
        self._resolved: dict[tuple[Any, ...], Any] = {}

    def depends(self, where: tuple[str, ...]) -> list[str]:
        """Returns the choices that the part at this path depends on."""
        if where not in self._depends:
            found = translation.parameters_in(self.template, self._at(where))
            self._depends[where] = [name for name in CHOICES if name in found]
        return self._depends[where]

    def part(self, where: tuple[str, ...], given: dict[str, str]) -> Any:
        """Returns the part at this path with these values."""
        key = (where, *(given[name] for name in self.depends(where)))
        if key not in self._resolved:
            self._resolved[key] = translation.part(self.template, self._at(where), given)
        return self._resolved[key]

    def exists(self, resource: str, given: dict[str, str]) -> bool:
        condition = self._at((resource, "Condition"))
        return condition is None or translation.holds(self.template, condition, given)

    def forms(self, resource: str) -> list[tuple[dict[str, str], str]]:
        """Yields each combination of a resource's choices and the resource's form with it.

        The form is empty if it does not exist.
        """
        needed = self.depends((resource,))
        found = []
        for values in itertools.product(*(CHOICES[name] for name in needed)):
            chosen = dict(zip(needed, values, strict=True))
            given = {**PAIRS[0], **chosen}
            form = self.part((resource,), given) if self.exists(resource, given) else ""
            found.append((chosen, json.dumps(form, sort_keys=True)))
        return found

    def rows(self) -> list[dict[str, str]]:
        """Returns the rows with all pairs, and further rows until each resource appears in each of its forms."""
        rows = list(PAIRS)
        missing = {name: {form: given for given, form in self.forms(name)} for name in self.template["Resources"]}
        for row in rows:
            self._strike(missing, row)
        while any(missing.values()):
            row: dict[str, str] = {}
            for name in sorted(missing, key=lambda name: (-len(missing[name]), name)):
                fitting = (
                    given
                    for given in missing[name].values()
                    if all(row.get(key, value) == value for key, value in given.items())
                )
                row |= next(fitting, {})
            rows.append({**PAIRS[len(rows) % len(PAIRS)], **row})
            self._strike(missing, rows[-1])
        return rows

    def _strike(self, missing: dict[str, dict[str, dict[str, str]]], row: dict[str, str]) -> None:
        for name, forms in missing.items():
            form = self.part((name,), row) if self.exists(name, row) else ""
            forms.pop(json.dumps(form, sort_keys=True), None)

    def combinations_for(
        self, rule: Callable[["TrackedTemplate"], Iterator[str]]
    ) -> Iterator[tuple[dict[str, str], list[str]]]:
        """Yields each combination of the values that a rule's result depends on, and the result.

        What the rule reads can depend on values too. If a combination makes it read something new, the search starts
        again with the values that the new part depends on.
        """
        needed: list[str] = []
        while True:
            answers = []
            for values in itertools.product(*(CHOICES[name] for name in needed)):
                given = {**PAIRS[0], **dict(zip(needed, values, strict=True))}
                template = TrackedTemplate(self, given)
                found = list(rule(template))
                more = template.read - set(needed)
                if more:
                    needed = [name for name in CHOICES if name in more | set(needed)]
                    break
                answers.append((dict(zip(needed, values, strict=True)), found))
            else:
                yield from answers
                return

    def _at(self, where: tuple[str, ...]) -> Any:
        found: Any = self.template["Resources"]
        for key in where:
            found = found.get(key)
        return found


class TrackedTemplate:
    """A resolved template that records which choices the parts read depend on."""

    def __init__(self, everything: AllCombinations, given: dict[str, str]) -> None:
        self.everything, self.given, self.read = everything, given, set[str]()
        # Declarations are the same in all combinations. `value` returns the values.
        self.parameters = everything.template["Parameters"]

    def value(self, parameter: str) -> str:
        self.read |= {parameter} & set(CHOICES)
        return translation.parameters(self.everything.template, self.given)[parameter]

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """Returns all resources of a type by logical id. Their properties are resolved when they are read."""
        found = {}
        for name, resource in self.everything.template["Resources"].items():
            if resource["Type"] != kind:
                continue
            if "Condition" in resource:
                self.read |= translation.parameters_in(
                    self.everything.template, {"Condition": resource["Condition"]}
                ) & set(CHOICES)
            if self.everything.exists(name, self.given):
                found[name] = {**resource, "Properties": Properties(self, name)}
        return found


class Properties(Mapping[str, Any]):
    """The properties of one resource. Each access records the choices that the property depends on."""

    def __init__(self, template: TrackedTemplate, resource: str) -> None:
        self._template, self._resource = template, resource
        self._declared = template.everything.template["Resources"][resource].get("Properties", {})

    def __getitem__(self, name: str) -> Any:
        if name not in self._declared:
            raise KeyError(name)
        where = (self._resource, "Properties", name)
        self._template.read.update(self._template.everything.depends(where))
        found = self._template.everything.part(where, self._template.given)
        if found == translation.NO_VALUE:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._declared if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
