"""Our own rules over every combination of parameters, and for each rule a change of the template that it must catch."""

import ast
import copy
import unittest
from collections.abc import Callable
from typing import Any

import changes
import combinations
import reading
import rules
import rules_of_rights
import translated

RIGHTS = translated.CHECKOUT / "tests" / "tests" / "end_to_end" / "permissions.py"
EVERYTHING = {name: values[-1] for name, values in combinations.CHOICES.items()} | combinations.WITH_DOCS


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.template = translated.translate(translated.source())

    def test_every_rule_holds_for_every_combination_of_parameters(self) -> None:
        everything = combinations.Everything(self.template)
        for rule in rules.RULES:
            for given, found in everything.combinations_for(rule):
                if found:
                    self.fail(f"{rule.__name__} with {given}: {found}")

    def test_what_a_rule_says_of_watched_parts_it_says_of_the_whole_template(self) -> None:
        """Also for changes that it finds something in, so that nothing is overlooked by reading less."""
        for change, rule in [(None, None), *changes.CHANGES]:
            source = translated.source()
            if change:
                change(source["Resources"])
            template = translated.translate(source)
            everything = combinations.Everything(template)
            asked = [found for found in rules.RULES if rule in (None, found.__name__)]
            for given in combinations.PAIRS if change is None else [combinations.PAIRS[0], combinations.PAIRS[-1]]:
                whole = translated.resolve(template, given)
                for found in asked:
                    with self.subTest(change=change and change.__name__, rule=found.__name__, **given):
                        self.assertEqual(list(found(combinations.Watched(everything, given))), list(found(whole)))

    def test_each_rule_catches_what_it_is_for(self) -> None:
        by_name = {rule.__name__: rule for rule in rules.RULES}
        for change, rule in changes.CHANGES:
            with self.subTest(change=change.__name__):
                source = copy.deepcopy(translated.source())
                change(source["Resources"])
                given = changes.GIVEN.get(change.__name__, {})
                self.assertEqual(
                    _findings(by_name[rule], translated.resolve(self.template, given)), [], "found without the change"
                )
                resolved = translated.resolve(translated.translate(source), given)
                self.assertNotEqual(_findings(by_name[rule], resolved), [])

    def test_no_rule_is_without_a_change_that_it_catches(self) -> None:
        self.assertEqual({rule.__name__ for rule in rules.RULES} - {rule for _, rule in changes.CHANGES}, set())

    def test_each_statement_is_missed_by_a_rule_or_on_the_emulator(self) -> None:
        """What `permissions.py` does not show by taking it away must be held by a rule."""
        shown = _keys(RIGHTS.read_text(encoding="utf-8"), "TABLE")
        not_shown = _keys(RIGHTS.read_text(encoding="utf-8"), "NOT_SHOWN")
        for name, statement in reading.role_statements(translated.resolve(self.template, EVERYTHING)):
            if (name, statement["Sid"]) in shown:
                continue
            with self.subTest(policy=name, statement=statement["Sid"]):
                source = translated.source()
                changes.forget(source["Resources"], name, statement["Sid"])
                without = translated.resolve(translated.translate(source), EVERYTHING)
                self.assertNotEqual([found for rule in rules.RULES for found in rule(without)], [])
                self.assertTrue(
                    (name, statement["Sid"]) in not_shown
                    or name in ("KeysPolicy", "SecretsPolicy")
                    or statement["Effect"] == "Deny"
                )

    def test_each_exception_is_still_needed(self) -> None:
        unbounded = {
            (name, statement["Sid"])
            for name, statement in reading.role_statements(translated.resolve(self.template))
            if "*" in reading.listed(statement.get("Resource", []))
        }
        self.assertEqual(unbounded, set(rules_of_rights.UNBOUNDED))


def _keys(script: str, table: str) -> set[tuple[str, str]]:
    """The keys of a table of `permissions.py`, which cannot be imported: it speaks to an emulator."""
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
