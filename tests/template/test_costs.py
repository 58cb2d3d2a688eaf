"""The table in docs/costs.md: each column adds up, and its counts are those of the template."""

import re
import unittest

import template_queries
import translation


class Costs(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        text = (translation.CHECKOUT / "docs/costs.md").read_text(encoding="utf-8")
        table = re.search(r"^\| a month \|.*\n\|[ -|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
        assert table
        cls.rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()]

    def test_each_column_adds_up(self) -> None:
        *parts, total = self.rows
        for column in (1, 2, 3):
            # The last amount in a cell is its result.
            amounts = [re.findall(r"\$(\d+\.\d\d)\b", row[column]) for row in parts]
            self.assertEqual(
                f"**${sum(float(found[-1]) for found in amounts if found):.2f}**", total[column].rstrip(" |")
            )

    def test_products_are_right(self) -> None:
        cells = [cell for row in self.rows for cell in row]
        hours = [re.match(r"([\d,]+) × (\d+) min.* × \$([\d.]+)/h = \$([\d.]+)", cell) for cell in cells]
        hours = [found for found in hours if found]
        self.assertEqual(len(hours), 3)
        for runs, minutes, price, amount in (found.groups() for found in hours):
            self.assertAlmostEqual(
                int(runs.replace(",", "")) * int(minutes) / 60 * float(price), float(amount), places=2
            )

    def test_the_numbers_of_metrics_and_alarms_are_the_templates(self) -> None:
        template = translation.resolve(translation.translate(translation.source()))
        metrics = {
            transformation["MetricName"]
            for metric_filter in template_queries.of_type(template, "AWS::Logs::MetricFilter").values()
            for transformation in metric_filter["MetricTransformations"]
        }
        alarms = template_queries.of_type(template, "AWS::CloudWatch::Alarm")
        said = next(row[0] for row in self.rows if row[0].startswith("metrics and alarms"))
        self.assertEqual(said, f"metrics and alarms: {len(metrics)} × $0.30 + {len(alarms)} × $0.10")


if __name__ == "__main__":
    unittest.main()
