"""The relative links of every Markdown page: each file exists, and each anchor is a heading of its page."""

import re
import subprocess
import unittest
from pathlib import Path

import translation

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Returns every page under version control, and new ones that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=translation.CHECKOUT, check=True, capture_output=True, text=True).stdout
    # dbt's own documentation pages link inside the docs site.
    found = [translation.CHECKOUT / name for name in listed.splitlines() if not name.startswith("example/models/")]
    return [page for page in found if page.is_file()]


def anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub makes of the page's headings."""
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text)]
    return {word.strip().replace(" ", "-") for word in words}


class Links(unittest.TestCase):
    def test_relative_links_resolve(self) -> None:
        checked = 0
        for page in pages():
            text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
            for link in LINK.findall(text):
                if re.match(r"[a-z]+:", link):
                    continue
                checked += 1
                file, _, anchor = link.partition("#")
                target = (page.parent / file).resolve() if file else page
                with self.subTest(page=str(page.relative_to(translation.CHECKOUT)), link=link):
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target))
        self.assertGreater(checked, 20)


if __name__ == "__main__":
    unittest.main()
