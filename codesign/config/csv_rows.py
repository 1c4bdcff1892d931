"""What do the lines of a CSV file say, and which cells cannot be read? Every problem is told with file and line."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from codesign.config.problems import Problem, nearest, shown_path


class CsvRow:
    """One line of a file, its problems collected."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self.path, self.line, self.cells, self.problems = path, line, cells, list[Problem]()

    def tell(self, column: str, message: str) -> None:
        """Note a problem of one cell."""
        name = self.cells.get("name", "")
        self.problems.append(Problem(shown_path(self.path), self.line, f"{name}.{column}" if name else column, message))

    def text(self, column: str) -> str:
        """A cell without the blanks around it."""
        return (self.cells.get(column) or "").strip()

    def number(self, column: str, *, whole: bool = False, optional: bool = False, least: float = 0.0) -> float | None:
        """The number in a cell, None where it is not stated or cannot be one."""
        text = self.text(column)
        if not text:
            if not optional:
                self.tell(column, "this cell is empty; expected a number")
            return None
        try:
            value = float(text)
        except ValueError:
            self.tell(column, f"expected a number, got '{text}'")
            return None
        if not math.isfinite(value) or value < least or (whole and value != round(value)):
            self.tell(column, f"expected a {'whole number' if whole else 'number'} from {least:g} on, got '{text}'")
            return None
        return value

    def known(self, column: str, names: Sequence[str], kind: str) -> str:
        """The name in a cell, one of `names`."""
        text = self.text(column)
        if text not in names:
            self.tell(column, f"unknown {kind} '{text}'" + nearest(text, names))
        return text


def read_rows(path: Path) -> tuple[list[str], list[CsvRow], list[Problem]]:
    """Header and lines of a file, and what is wrong with their shape."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.reader(text.splitlines(), strict=True)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.glob("*.csv")] if path.parent.is_dir() else []
        return [], [], [Problem(shown_path(path), 0, "", "no such file" + nearest(path.name, siblings))]
    except (OSError, ValueError, csv.Error) as error:
        return [], [], [Problem(shown_path(path), 0, "", f"cannot be read as CSV: {error}")]
    if not lines:
        return [], [], [Problem(shown_path(path), 1, "", "empty; expected a header line")]
    header = [cell.strip() for cell in lines[0][1]]
    problems = [
        Problem(shown_path(path), line, "", f"{len(cells)} cells under {len(header)} columns")
        for line, cells in lines[1:] if len(cells) != len(header)
    ]  # fmt: skip
    rows = [CsvRow(path, line, dict(zip(header, cells, strict=True))) for line, cells in lines[1:] if len(cells) == len(header)]
    return header, rows, problems
