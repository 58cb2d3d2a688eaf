"""Runs cfn-lint on the source, and on the translation of each combination of parameters that changes resources."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import parameter_combinations
import translation
from cfnlint.api import ManualArgs, lint


def findings(text: str) -> list[str]:
    """Returns cfn-lint's errors and warnings, one per line."""
    found = lint(text, regions=["eu-west-1"], config=ManualArgs(append_rules=["cfn_lint_serverless.rules"]))
    return [
        f"{match.rule.id} {'/'.join(map(str, getattr(match, 'path', None) or []))}: {match.message}" for match in found
    ]


# Findings that the translation causes and not the template.
IGNORED = (
    "W2001",  # unused parameter: the translation has its conditions resolved
    "W8001",  # unused condition: for the same reason
    "W3005",  # DependsOn that a reference implies: the translator adds it
)

# Findings of cfn-lint-serverless that are intended, by rule and resource, and the reason.
ON_PURPOSE = (
    ("WS1000", "", "tracing costs money per call and shows one hop; the ledger shows the whole path"),
    (
        "WS1004",
        "",
        "it expects log groups named after functions; logs_have_a_retention checks the template's groups",
    ),
    (
        "ES1001",
        "OnLoadFunctionLoads",
        "SQS moves failed messages to its dead-letter queue; Lambda supports destinations only for streams",
    ),
    ("ES1007", "", "in the source EventInvokeConfig is a SAM property; in the translation the rule finds it"),
    ("ES6000", "DeadLetterQueue", "a dead-letter queue has none itself"),
    ("ES7000", "AlarmSubscription", "a mail that cannot be delivered is not kept; the alarm stays in ALARM"),
)


def unexpected(found: list[str]) -> list[str]:
    """Returns the findings that are not listed above."""
    on_purpose = [
        finding for finding in found if any(finding.startswith(rule) and of in finding for rule, of, _ in ON_PURPOSE)
    ]
    return [finding for finding in found if finding not in on_purpose and not finding.startswith(IGNORED)]


class Lint(unittest.TestCase):
    def test_the_source_has_no_finding(self) -> None:
        self.assertEqual(unexpected(findings(translation.TEMPLATE.read_text(encoding="utf-8"))), [])

    def test_the_translation_has_no_finding(self) -> None:
        template = translation.translate(translation.source())
        self.assertEqual(unexpected(findings(json.dumps(template))), [])

    def test_no_resource_in_any_form_and_no_two_values_of_parameters_have_a_finding(self) -> None:
        template = translation.translate(translation.source())
        rows = parameter_combinations.AllCombinations(template).rows()
        chosen = [json.dumps(translation.choose(template, given)) for given in rows]
        with ProcessPoolExecutor() as pool:
            for given, found in zip(rows, pool.map(findings, chosen, chunksize=4), strict=True):
                with self.subTest(**given):
                    self.assertEqual(unexpected(found), [])

    def test_the_translation_does_not_depend_on_parameters(self) -> None:
        """CloudFormation translates with the parameters' values. The tests translate once, without values."""
        template = translation.translate(translation.source())
        for given in parameter_combinations.PAIRS:
            with self.subTest(**given):
                known = translation.translate(translation.source(), translation.parameters(template, given))
                self.assertEqual(translation.resolve(known, given), translation.resolve(template, given))

    def test_each_resource_is_linted_in_each_form_that_it_can_take(self) -> None:
        everything = parameter_combinations.AllCombinations(translation.translate(translation.source()))
        rows = everything.rows()
        for name in everything.template["Resources"]:
            linted = {
                json.dumps(everything.part((name,), row) if everything.exists(name, row) else "", sort_keys=True)
                for row in rows
            }
            self.assertEqual(linted, {form for _, form in everything.forms(name)}, name)

    def test_every_pair_of_values_and_both_results_of_each_condition_are_linted(self) -> None:
        choices = [(name, value) for name, values in parameter_combinations.CHOICES.items() for value in values]
        for (one, left), (other, right) in itertools.combinations(choices, 2):
            if one != other:
                self.assertTrue(
                    any(row[one] == left and row[other] == right for row in parameter_combinations.PAIRS),
                    (one, left, other, right),
                )
        template = translation.translate(translation.source())
        for condition in template["Conditions"]:
            self.assertEqual(
                {translation.holds(template, condition, row) for row in parameter_combinations.PAIRS},
                {True, False},
                condition,
            )

    def test_every_parameter_that_switches_a_condition_is_among_the_choices(self) -> None:
        text = json.dumps(translation.source()["Conditions"])
        switching = {name for name in translation.source()["Parameters"] if f'"Ref": "{name}"' in text}
        self.assertEqual(switching - set(parameter_combinations.CHOICES), set())

    def test_each_ignored_finding_still_exists(self) -> None:
        found = findings(translation.TEMPLATE.read_text(encoding="utf-8"))
        found += findings(json.dumps(translation.translate(translation.source())))
        for rule, of, _ in ON_PURPOSE:
            self.assertTrue(any(finding.startswith(rule) and of in finding for finding in found), rule)

    def test_the_sam_cli_has_no_finding(self) -> None:
        sam = Path(sys.executable).with_name("sam")
        with tempfile.TemporaryDirectory() as folder:
            quiet = {
                "SAM_CLI_TELEMETRY": "0",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "HOME": folder,
                "__SAM_CLI_APP_DIR": folder,
            }
            done = subprocess.run(
                [sam, "validate", "--lint", "--template-file", translation.TEMPLATE, "--region", "eu-west-1"],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
                cwd=folder,
                env={**os.environ, **quiet},
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_misspelt_action_and_an_unknown_reference_are_found(self) -> None:
        source = translation.source()
        role = source["Resources"]["OnLoadRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
        role["Action"] = ["logs:PutLogEventz"]
        role["Resource"] = {"Ref": "NoSuchThing"}
        found = " ".join(findings(json.dumps(translation.translate(source))))
        self.assertIn("W3037", found)
        self.assertIn("NoSuchThing", found)


if __name__ == "__main__":
    unittest.main()
