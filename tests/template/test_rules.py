"""Runs the rules on every combination of parameters, and checks that each rule catches its mutations."""

import ast
import copy
import unittest
from collections.abc import Callable
from typing import Any

import parameter_combinations
import permission_rules
import rule_mutations
import rules
import template_queries
import translation

RIGHTS = translation.CHECKOUT / "tests" / "tests" / "end_to_end" / "permissions.py"
EVERYTHING = {
    name: values[-1] for name, values in parameter_combinations.CHOICES.items()
} | parameter_combinations.WITH_DOCS


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.template = translation.translate(translation.source())

    def test_every_rule_holds_for_every_combination_of_parameters(self) -> None:
        everything = parameter_combinations.AllCombinations(self.template)
        for rule in rules.RULES:
            for given, found in everything.combinations_for(rule):
                if found:
                    self.fail(f"{rule.__name__} with {given}: {found}")

    def test_a_rule_finds_the_same_in_a_tracked_and_in_a_whole_template(self) -> None:
        """Includes mutated templates, so that tracking cannot hide a finding."""
        for change, rule in [(None, None), *rule_mutations.MUTATIONS]:
            source = translation.source()
            if change:
                change(source["Resources"])
            template = translation.translate(source)
            everything = parameter_combinations.AllCombinations(template)
            asked = [found for found in rules.RULES if rule in (None, found.__name__)]
            for given in (
                parameter_combinations.PAIRS
                if change is None
                else [parameter_combinations.PAIRS[0], parameter_combinations.PAIRS[-1]]
            ):
                whole = translation.resolve(template, given)
                for found in asked:
                    with self.subTest(change=change and change.__name__, rule=found.__name__, **given):
                        self.assertEqual(
                            list(found(parameter_combinations.TrackedTemplate(everything, given))), list(found(whole))
                        )

    def test_each_rule_catches_its_mutations(self) -> None:
        by_name = {rule.__name__: rule for rule in rules.RULES}
        for change, rule in rule_mutations.MUTATIONS:
            with self.subTest(change=change.__name__):
                source = copy.deepcopy(translation.source())
                change(source["Resources"])
                given = rule_mutations.GIVEN.get(change.__name__, {})
                self.assertEqual(
                    _findings(by_name[rule], translation.resolve(self.template, given)), [], "found without the change"
                )
                resolved = translation.resolve(translation.translate(source), given)
                self.assertNotEqual(_findings(by_name[rule], resolved), [])

    def test_each_rule_has_a_mutation(self) -> None:
        self.assertEqual(
            {rule.__name__ for rule in rules.RULES} - {rule for _, rule in rule_mutations.MUTATIONS}, set()
        )

    def test_the_removal_of_each_statement_is_found_by_a_rule_or_on_the_emulator(self) -> None:
        """A rule must miss each statement whose removal `permissions.py` does not show."""
        shown = _keys(RIGHTS.read_text(encoding="utf-8"), "TABLE")
        not_shown = _keys(RIGHTS.read_text(encoding="utf-8"), "NOT_SHOWN")
        for name, statement in template_queries.role_statements(translation.resolve(self.template, EVERYTHING)):
            if (name, statement["Sid"]) in shown:
                continue
            with self.subTest(policy=name, statement=statement["Sid"]):
                source = translation.source()
                rule_mutations.remove_statement(source["Resources"], name, statement["Sid"])
                without = translation.resolve(translation.translate(source), EVERYTHING)
                self.assertNotEqual([found for rule in rules.RULES for found in rule(without)], [])
                self.assertTrue(
                    (name, statement["Sid"]) in not_shown
                    or name in ("KeysPolicy", "SecretsPolicy")
                    or statement["Effect"] == "Deny"
                )

    def test_each_exception_is_still_needed(self) -> None:
        unbounded = {
            (name, statement["Sid"])
            for name, statement in template_queries.role_statements(translation.resolve(self.template))
            if "*" in template_queries.listed(statement.get("Resource", []))
        }
        self.assertEqual(unbounded, set(permission_rules.UNBOUNDED))


def _keys(script: str, table: str) -> set[tuple[str, str]]:
    """Returns the keys of a table in `permissions.py`, which cannot be imported because it connects to an emulator."""
    for node in ast.parse(script).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == table for target in targets):
            found: set[tuple[str, str]] = set()
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                found |= {ast.literal_eval(key)} if key else set(eval(compile(ast.Expression(value), table, "eval")))
            return found
    raise AssertionError(f"no {table}")


def _findings(rule: Callable[[dict[str, Any]], Any], template: dict[str, Any]) -> list[str]:
    return list(rule(template))


if __name__ == "__main__":
    unittest.main()
