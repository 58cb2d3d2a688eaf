"""Runs checkov on the translation, once with the defaults and once with everything that parameters add.

Its checks are general, so each skipped check is listed here with the reason.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import parameter_combinations
import translation

CHECKOV = translation.CHECKOUT / ".landfall" / "venv" / "checkov" / "bin" / "checkov"

# Check -> the end of the logical ids that may fail it, and the reason.
SKIPPED = {
    "CKV_AWS_18": (
        "Bucket",
        "access logs need a bucket and a write per request; CloudTrail data events can record the same",
    ),
    "CKV_AWS_26": (
        "AlarmTopic",
        "CloudWatch cannot publish to a topic that uses the AWS managed key, and alarms contain no data",
    ),
    "CKV_AWS_27": ("Queue", "encrypted by SQS itself (SqsManagedSseEnabled), which this check does not know"),
    "CKV_AWS_65": ("Cluster", "Container Insights cost money per task, and the results of a run contain its duration"),
    "CKV_AWS_68": (
        "DocsDistribution",
        "a web ACL costs more per month than the rest of the stack; users can attach one",
    ),
    "CKV_AWS_86": ("DocsDistribution", "access logs need a bucket that allows ACLs"),
    "CKV_AWS_115": (
        "Function",
        "reserved concurrency reduces the account's; on-load has a limit already, and any number of writers is safe",
    ),
    "CKV_AWS_116": (
        "Function",
        "failures go to EventInvokeConfig's destination or back to the queue, which no_hop_loses_an_event checks",
    ),
    "CKV_AWS_117": (
        "Function",
        "a function in a VPC needs a NAT or an endpoint for each service; these hold no secret and call only AWS",
    ),
    "CKV_AWS_136": ("Repository", "encrypted by ECR's own key"),
    "CKV_AWS_158": ("LogGroup", "encrypted by CloudWatch's own key"),
    "CKV_AWS_173": ("Function", "the variables are names of resources, encrypted by Lambda's own key"),
    "CKV_AWS_174": (
        "DocsDistribution",
        "the protocol can only be set with a custom certificate; browsers use TLS 1.2 or newer with cloudfront.net's",
    ),
}
EVERYTHING = (
    {name: values[-1] for name, values in parameter_combinations.CHOICES.items()}
    | parameter_combinations.WITH_DOCS
    | {"DocsAccess": "basic"}
)


class Checkov(unittest.TestCase):
    def test_it_finds_nothing_but_what_is_skipped_and_each_skip_is_needed(self) -> None:
        self.assertTrue(CHECKOV.exists(), "run `make checkov` first: it installs checkov")
        template = translation.translate(translation.source())
        with tempfile.TemporaryDirectory() as folder:
            for name, given in (("defaults", {}), ("everything", EVERYTHING)):
                (Path(folder) / f"{name}.json").write_text(
                    json.dumps(translation.choose(template, given)), encoding="utf-8"
                )
            done = subprocess.run(
                [
                    CHECKOV,
                    "--skip-download",
                    "--framework",
                    "cloudformation",
                    "--directory",
                    folder,
                    "--output",
                    "json",
                    "--compact",
                    "--quiet",
                ],
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
                cwd=folder,
                env={**os.environ, "HOME": folder, "LOG_LEVEL": "ERROR"},
            )
        report = json.loads(done.stdout)
        self.assertEqual(report["summary"]["parsing_errors"], 0)
        self.assertGreater(report["summary"]["passed"], 250)
        failed = {
            (check["check_id"], check["resource"].rsplit(".", 1)[-1]) for check in report["results"]["failed_checks"]
        }
        unexpected = [
            (check, where)
            for check, where in sorted(failed)
            if check not in SKIPPED or not where.endswith(SKIPPED[check][0])
        ]
        self.assertEqual(unexpected, [])
        self.assertEqual(set(SKIPPED) - {check for check, _ in failed}, set(), "skipped, and yet nothing fails it")


if __name__ == "__main__":
    unittest.main()
