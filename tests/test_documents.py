"""What the documents say of the code is so: every file they name is there, and every function is in its file."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("CONTRIBUTING.md", "docs/architecture.md", "SECURITY.md")
_NAMED = re.compile(r"`(?:(?P<file>[\w./-]+\.(?:py|md|txt|toml)|[\w-]+/)|(?P<function>[A-Za-z_][\w.]*)\(\))`")


@cache
def defined_in(file: str) -> frozenset[str]:
    """The functions and classes of a file, methods as `Class.method`."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return frozenset(found)


def all_defined() -> frozenset[str]:
    rooms = ("core", "storage", "indexer", "search", "training", "jobs", "api", "ui", "desktop")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    return frozenset().union(*(defined_in(path.relative_to(ROOT).as_posix()) for path in files))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = {match["file"] for match in _NAMED.finditer(text) if match["file"] and "/" in match["file"]}
    assert {name for name in named if not (ROOT / name).exists()} <= {"uploads/"}, f"{document} names what is not there"


def test_every_function_of_the_architecture_is_in_the_file_it_stands_behind() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    file, wrong, seen = "", [], 0
    for match in _NAMED.finditer(text):
        if match["file"]:
            file = match["file"]
        elif match["function"] not in defined_in(file):
            wrong.append(f"{file} {match['function']}()")
        seen += bool(match["function"])
    assert wrong == []
    assert seen > 40


def test_every_class_of_the_architecture_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", text)) <= all_defined()


def test_every_function_of_the_guide_for_contributors_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {match["function"] for match in _NAMED.finditer(text) if match["function"]}
    assert named - all_defined() == set()
    assert named
