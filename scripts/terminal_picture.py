"""Renders the plain output of a command as an SVG of a terminal.

    landfall demo > demo.txt
    python3 scripts/terminal_picture.py --from '3. ' --to '5. ' --title 'make demo' < demo.txt > docs/demo.svg

Only the Python standard library is used, and equal input gives equal bytes.
"""

import argparse
import re
import sys
from xml.sax.saxutils import escape

COLUMNS = 120
FONT_SIZE = 13
CHARACTER_WIDTH = 7.8
LINE_HEIGHT = 18
MARGIN = 16
TITLE_HEIGHT = 34

# The first pattern that matches a line gives its colour.
COLOURS = (
    (re.compile(r"^\d+\. |^Done"), "#ffffff", "bold"),
    (re.compile(r"^\s*(ERROR|error|FAIL|failed)|\bfailed\b|quarantine"), "#ff7b72", "normal"),
    (re.compile(r"^\s*(warning|WARN)"), "#e3b341", "normal"),
    (re.compile(r"\bsucceeded\b|^\s*done\b|\bOK\b"), "#7ee787", "normal"),
    (re.compile(r"lands?\b"), "#79c0ff", "normal"),
)
DEFAULT_COLOUR = ("#c9d1d9", "normal")


def chosen(lines: list[str], start: str, end: str) -> list[str]:
    """Returns the lines from the first that starts with `start` up to the next that starts with `end`."""
    if start:
        first = next(number for number, line in enumerate(lines) if line.startswith(start))
        lines = lines[first:]
    if end:
        last = next((number for number, line in enumerate(lines) if line.startswith(end)), len(lines))
        lines = lines[:last]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def wrapped(line: str) -> list[str]:
    """Returns the line as a terminal of `COLUMNS` columns shows it."""
    return [line[at : at + COLUMNS] for at in range(0, len(line), COLUMNS)] or [""]


def style(line: str) -> tuple[str, str]:
    """Returns the colour and the font weight of a line."""
    for pattern, colour, weight in COLOURS:
        if pattern.search(line):
            return colour, weight
    return DEFAULT_COLOUR


def svg(lines: list[str], title: str) -> str:
    """Returns the picture."""
    width = round(COLUMNS * CHARACTER_WIDTH + 2 * MARGIN)
    rows = []
    for line in lines:
        colour, weight = style(line)
        rows.extend((part, colour, weight) for part in wrapped(line))
    height = TITLE_HEIGHT + len(rows) * LINE_HEIGHT + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="{FONT_SIZE}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
        *(f'<circle cx="{20 + 18 * number}" cy="17" r="5" fill="#30363d"/>' for number in range(3)),
        f'<text x="{width / 2:g}" y="21" fill="#8b949e" text-anchor="middle">{escape(title)}</text>',
    ]
    for number, (text, colour, weight) in enumerate(rows):
        if text.strip():
            bold = ' font-weight="bold"' if weight == "bold" else ""
            baseline = TITLE_HEIGHT + (number + 1) * LINE_HEIGHT - 5
            parts.append(
                f'<text x="{MARGIN}" y="{baseline}" fill="{colour}"{bold} xml:space="preserve">{escape(text)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Reads the output from standard input and writes the picture to standard output."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--from", dest="start", default="", help="start of the first line to show")
    arguments.add_argument("--to", dest="end", default="", help="start of the first line after the picture")
    arguments.add_argument("--title", default="terminal")
    given = arguments.parse_args()
    lines = chosen(sys.stdin.read().splitlines(), given.start, given.end)
    sys.stdout.write(svg(lines, given.title))


if __name__ == "__main__":
    main()
