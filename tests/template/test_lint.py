"""cfn-lint over the source, and over the translation of each combination of parameters that changes resources."""

import json
import unittest

import translated
from cfnlint.api import ManualArgs, lint


def findings(text: str) -> list[str]:
    """What cfn-lint says, errors and warnings, in lines."""
    found = lint(text, regions=["eu-west-1"], config=ManualArgs(ignore_checks=[]))
    return [f"{match.rule.id} {'/'.join(map(str, getattr(match, 'path', None) or []))}: {match.message}" for match in found]


# Named where they are forgiven: the translator's own doing, not the template's.
FORGIVEN = (
    "W2001",  # a parameter is unused: true of the translation with its conditions decided
    "W8001",  # a condition is unused: likewise
    "W3005",  # DependsOn that a reference already implies: the translator's
)


class Lint(unittest.TestCase):
    def test_the_source_has_no_finding(self) -> None:
        self.assertEqual(findings(translated.TEMPLATE.read_text(encoding="utf-8")), [])

    def test_the_translation_has_no_finding(self) -> None:
        template = translated.translate(translated.source())
        self.assertEqual([f for f in findings(json.dumps(template)) if not f.startswith(FORGIVEN)], [])

    def test_no_set_of_resources_has_a_finding(self) -> None:
        template = translated.translate(translated.source())
        for given in translated.SHAPES:
            with self.subTest(**given):
                text = json.dumps(translated.choose(template, given))
                self.assertEqual([f for f in findings(text) if not f.startswith(FORGIVEN)], [])

    def test_every_set_of_resources_that_parameters_can_make_is_linted(self) -> None:
        template = translated.translate(translated.source())
        made = {frozenset(translated.choose(template, given)["Resources"]) for given in translated.COMBINATIONS}
        self.assertEqual(made, {frozenset(translated.choose(template, given)["Resources"]) for given in translated.SHAPES})

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
