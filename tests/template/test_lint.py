"""cfn-lint over the source, and over the translation of each combination of parameters that changes resources."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import combinations
import translated
from cfnlint.api import ManualArgs, lint


def findings(text: str) -> list[str]:
    """What cfn-lint says, errors and warnings, in lines."""
    found = lint(text, regions=["eu-west-1"], config=ManualArgs(append_rules=["cfn_lint_serverless.rules"]))
    return [
        f"{match.rule.id} {'/'.join(map(str, getattr(match, 'path', None) or []))}: {match.message}" for match in found
    ]


# Named where they are forgiven: the translator's own doing, not the template's.
FORGIVEN = (
    "W2001",  # a parameter is unused: true of the translation with its conditions decided
    "W8001",  # a condition is unused: likewise
    "W3005",  # DependsOn that a reference already implies: the translator's
)

# Rules of cfn-lint-serverless that the template breaks on purpose, by rule and resource, and why.
ON_PURPOSE = (
    ("WS1000", "", "tracing is paid by the call and shows one hop; the ledger shows the whole way"),
    (
        "WS1004",
        "",
        "it looks for groups named after functions; ours are made in the template and end, held by logs_end",
    ),
    (
        "ES1001",
        "OnLoadFunctionLoads",
        "SQS moves what failed ten times to its own dead letters; Lambda takes destinations of streams alone",
    ),
    ("ES1007", "", "in the source EventInvokeConfig is SAM's property; in the translation it is found"),
    ("ES6000", "DeadLetterQueue", "a dead-letter queue has none itself"),
    ("ES7000", "AlarmSubscription", "a mail that cannot be delivered is not kept: the alarm stays in alarm"),
)


def unexpected(found: list[str]) -> list[str]:
    """The findings that nothing above forgives."""
    on_purpose = [
        finding for finding in found if any(finding.startswith(rule) and of in finding for rule, of, _ in ON_PURPOSE)
    ]
    return [finding for finding in found if finding not in on_purpose and not finding.startswith(FORGIVEN)]


class Lint(unittest.TestCase):
    def test_the_source_has_no_finding(self) -> None:
        self.assertEqual(unexpected(findings(translated.TEMPLATE.read_text(encoding="utf-8"))), [])

    def test_the_translation_has_no_finding(self) -> None:
        template = translated.translate(translated.source())
        self.assertEqual(unexpected(findings(json.dumps(template))), [])

    def test_no_resource_in_any_form_and_no_two_values_of_parameters_have_a_finding(self) -> None:
        template = translated.translate(translated.source())
        rows = combinations.Everything(template).rows()
        chosen = [json.dumps(translated.choose(template, given)) for given in rows]
        with ProcessPoolExecutor() as pool:
            for given, found in zip(rows, pool.map(findings, chosen, chunksize=4), strict=True):
                with self.subTest(**given):
                    self.assertEqual(unexpected(found), [])

    def test_what_the_service_translates_with_its_parameters_is_what_is_looked_at(self) -> None:
        """The service translates when it knows the values; all tests translate once, without."""
        template = translated.translate(translated.source())
        for given in combinations.PAIRS:
            with self.subTest(**given):
                known = translated.translate(translated.source(), translated.parameters(template, given))
                self.assertEqual(translated.resolve(known, given), translated.resolve(template, given))

    def test_each_resource_is_linted_in_each_form_that_it_can_take(self) -> None:
        everything = combinations.Everything(translated.translate(translated.source()))
        rows = everything.rows()
        for name in everything.template["Resources"]:
            linted = {
                json.dumps(everything.part((name,), row) if everything.exists(name, row) else "", sort_keys=True)
                for row in rows
            }
            self.assertEqual(linted, {form for _, form in everything.forms(name)}, name)

    def test_every_two_values_of_parameters_and_both_ways_of_each_condition_are_linted(self) -> None:
        choices = [(name, value) for name, values in combinations.CHOICES.items() for value in values]
        for (one, left), (other, right) in itertools.combinations(choices, 2):
            if one != other:
                self.assertTrue(
                    any(row[one] == left and row[other] == right for row in combinations.PAIRS),
                    (one, left, other, right),
                )
        template = translated.translate(translated.source())
        for condition in template["Conditions"]:
            self.assertEqual(
                {translated.holds(template, condition, row) for row in combinations.PAIRS}, {True, False}, condition
            )

    def test_every_parameter_that_switches_a_condition_is_among_the_choices(self) -> None:
        text = json.dumps(translated.source()["Conditions"])
        switching = {name for name in translated.source()["Parameters"] if f'"Ref": "{name}"' in text}
        self.assertEqual(switching - set(combinations.CHOICES), set())

    def test_what_is_forgiven_is_still_found(self) -> None:
        found = findings(translated.TEMPLATE.read_text(encoding="utf-8"))
        found += findings(json.dumps(translated.translate(translated.source())))
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
                [sam, "validate", "--lint", "--template-file", translated.TEMPLATE, "--region", "eu-west-1"],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
                cwd=folder,
                env={**os.environ, **quiet},
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_would_see_a_misspelt_action_and_an_unknown_reference(self) -> None:
        source = translated.source()
        role = source["Resources"]["OnLoadRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
        role["Action"] = ["logs:PutLogEventz"]
        role["Resource"] = {"Ref": "NoSuchThing"}
        found = " ".join(findings(json.dumps(translated.translate(source))))
        self.assertIn("W3037", found)
        self.assertIn("NoSuchThing", found)


if __name__ == "__main__":
    unittest.main()
