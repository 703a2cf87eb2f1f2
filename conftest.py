"""Counts tests by kind, marks them by folder, begins with the long ones, and notices files that pytest never reads."""

import gc
import re
from collections import Counter
from pathlib import Path

import pytest

# The SDKs' classes stay for the whole run; looking through them every 700 objects is a quarter of the unit tests' time.
gc.set_threshold(100_000, 50, 100)

ROOT = Path(__file__).parent

SLOW_KINDS = ("engine", "kubernetes", "dataplane", "aws")
"""Folders of `tests/` whose tests carry the folder's name as a mark; the rest is fast."""

HAS_TESTS = re.compile(r"^\s*(?:async )?def test_|^class Test", re.MULTILINE)


def kind_of(file: Path) -> str:
    """The folder of `tests/` that holds `file`."""
    return file.relative_to(ROOT / "tests").parts[0]


def never_collected(collected: set[Path]) -> list[str]:
    """Files of `tests/` that define tests and are not among the `collected` ones."""
    files = (file for file in sorted((ROOT / "tests").rglob("*.py")) if file not in collected)
    return [str(file.relative_to(ROOT)) for file in files if HAS_TESTS.search(file.read_text())]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if (kind := kind_of(item.path)) in SLOW_KINDS:
            item.add_marker(kind)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not session.testsfailed
    if whole and (missed := never_collected({item.path for item in items})):
        raise pytest.UsageError(f"tests that are never collected, name the file test_*.py: {', '.join(missed)}")


def pytest_report_collectionfinish(items: list[pytest.Item]) -> str:
    counts = Counter(kind_of(item.path) for item in items)
    return "selected: " + (", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "nothing")
