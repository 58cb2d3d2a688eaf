"""Checks that the template's rules send the samples in events/ to the documented targets."""

import json
import re
import unittest
from typing import Any

import template_queries
import translation

# Deployed names in the stack of the samples.
DEPLOYED = {
    "<LandingBucket>": "shop-landing",
    "<StateBucket>": "shop-statebucket-1a2b3c4d",
    "<Cluster.Arn>": "arn:aws:ecs:eu-west-1:111122223333:cluster/shop-Cluster-AbCdEfGhIjKl",
}
RECEIVERS = {
    "ObjectLandedRule": "LoadsQueue",
    "DatasetLoadedRule": "LoadsQueue",
    "ReleaseOfferedRule": "on-release",
    "TaskStoppedRule": "on-task-stopped",
    "DocsPendingRule": "publish-docs",
}
# No rule sends these: they come from a queue, from Scheduler, or from on-load itself.
DIRECT = ("sqs-", "schedule-", "wake")


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Returns whether an event matches a pattern, for the operators that the template uses.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    for key, expected in pattern.items():
        if isinstance(expected, dict):
            if not isinstance(event.get(key), dict) or not matches(expected, event[key]):
                return False
        elif not any(_one(item, event, key) for item in expected):
            return False
    return True


def _one(item: Any, event: dict[str, Any], key: str) -> bool:
    if not isinstance(item, dict):
        return event.get(key) == DEPLOYED.get(item, item)
    ((operator, operand),) = item.items()
    match operator:
        case "prefix":
            return key in event and event[key].startswith(operand)
        case "exists":
            return (key in event) == (operand is True or operand == "true")
        case "anything-but":
            return key in event and not event[key].startswith(operand["prefix"])
        case "wildcard":
            return (
                key in event
                and re.fullmatch(".*".join(map(re.escape, operand.split("*"))), event[key], re.DOTALL) is not None
            )
    raise ValueError(f"unknown operator {operator}")


class Events(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = translation.CHECKOUT / "events"
        cls.samples = {
            path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
        }
        rows = re.findall(
            r"^\| `([^`]+\.json)` \| ([^|]+) \|", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE
        )
        cls.described = {name: receiver.strip() for name, receiver in rows}
        resolved = translation.resolve(translation.translate(translation.source()))
        cls.patterns = {
            name: template_queries.pattern(rule)
            for name, rule in template_queries.of_type(resolved, "AWS::Events::Rule").items()
        }

    def test_every_sample_is_described(self) -> None:
        self.assertEqual(set(self.described), set(self.samples))

    def test_the_rules_send_each_sample_where_its_description_says(self) -> None:
        for name, event in self.samples.items():
            if name.startswith(DIRECT):
                continue
            with self.subTest(sample=name):
                receivers = {RECEIVERS[rule] for rule, pattern in self.patterns.items() if matches(pattern, event)}
                self.assertEqual(receivers, {self.described[name]} - {"none"})

    def test_events_of_others_match_no_rule(self) -> None:
        other = json.loads(json.dumps(self.samples))
        other["dataset-loaded-minimal.json"]["detail"]["stack"] = "other"
        other["dataset-loaded.json"]["source"] = "aws.glue"
        other["object-created.json"]["detail"]["bucket"]["name"] = "other"
        other["release-offered.json"]["detail"]["object"]["key"] = "releases/r1/manifest.json"
        other["docs-pending.json"]["detail"]["stack"] = "other"
        other["task-stopped-succeeded.json"]["detail"]["lastStatus"] = "RUNNING"
        for name in (
            "dataset-loaded-minimal.json",
            "dataset-loaded.json",
            "object-created.json",
            "release-offered.json",
            "docs-pending.json",
            "task-stopped-succeeded.json",
        ):
            with self.subTest(changed=name):
                self.assertEqual([rule for rule, pattern in self.patterns.items() if matches(pattern, other[name])], [])

    def test_an_operator_command_takes_the_route_of_a_load(self) -> None:
        asked = json.loads(json.dumps(self.samples["dataset-loaded.json"]))
        asked["detail-type"] = "Operator Command"
        self.assertEqual(
            [rule for rule, pattern in self.patterns.items() if matches(pattern, asked)], ["DatasetLoadedRule"]
        )

    def test_deletions_are_delivered_only_with_the_parameter(self) -> None:
        template = translation.translate(translation.source())
        event = json.loads(json.dumps(self.samples["object-created.json"]))
        for detail_type, wanted, delivered in [
            ("Object Deleted", "ignore", False),
            ("Object Deleted", "deliver", True),
            ("Object Created", "deliver", True),
        ]:
            event["detail-type"] = detail_type
            pattern = template_queries.pattern(
                translation.resolve(template, {"Deletions": wanted})["Resources"]["ObjectLandedRule"]["Properties"]
            )
            self.assertEqual(matches(pattern, event), delivered, (detail_type, wanted))

    def test_with_prefixes_only_matching_keys_are_delivered_from_any_bucket(self) -> None:
        given = {"LandingBuckets": "acme-landing,acme-second", "LandingPrefixes": "orders/,raw/it's (new)/"}
        resolved = translation.resolve(translation.translate(translation.source()), given)
        pattern = template_queries.pattern(resolved["Resources"]["ObjectLandedRule"]["Properties"])
        event = json.loads(json.dumps(self.samples["object-created.json"]))
        for bucket, key, delivered in [
            ("acme-landing", "orders/1.csv", True),
            ("acme-second", "raw/it's (new)/1.csv", True),
            ("acme-second", "raw/orders/1.csv", False),
            ("other", "orders/1.csv", False),
        ]:
            event["detail"]["bucket"]["name"], event["detail"]["object"]["key"] = bucket, key
            self.assertEqual(matches(pattern, event), delivered, (bucket, key))

    def test_landfalls_own_writes_trigger_no_load(self) -> None:
        for bucket in ("shop-statebucket-1a2b3c4d", "shop-docsbucket-1a2b3c4d"):
            event = json.loads(json.dumps(self.samples["object-created.json"]))
            event["detail"]["bucket"]["name"] = bucket
            self.assertFalse(matches(self.patterns["ObjectLandedRule"], event))

    def test_batches_wrap_events_as_sqs_does(self) -> None:
        for name in ("sqs-loads.json", "sqs-loads-with-malformed.json", "sqs-loads-duplicates.json"):
            records = self.samples[name]["Records"]
            ids = [record["messageId"] for record in records]
            self.assertEqual(len(ids), len(set(ids)))
            self.assertTrue(
                all(record["eventSource"] == "aws:sqs" and isinstance(record["body"], str) for record in records)
            )


if __name__ == "__main__":
    unittest.main()
