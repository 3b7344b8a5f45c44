from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import hierclf

HOME = Path(hierclf.__file__).parent

# From the ground up; what stands on one line may not import each other.
LAYERS = (
    "errors",
    "registry progress files eigen",
    "taxonomy",
    "dag",
    "promises",
    "data backbones negatives heads gates losses metrics decisions settings",
    "embedding",
    "reading",
    "model",
    "model_card",
    "training bundle evaluation discovery",
    "class_values",
    "classifier",
    "examination",
    "held_out model_distances references strategies report runs",
    "export serve",
    "cli",
    "__main__",
)
RANK = {name: rank for rank, line in enumerate(LAYERS) for name in line.split()}

VERSION = "hierclf"  # the package itself may be asked for its version by anyone


def modules():
    return [HOME / "__init__.py", *sorted(path for path in HOME.rglob("*.py") if path != HOME / "__init__.py")]


def part_of(path):
    return path.relative_to(HOME).parts[0].removesuffix(".py")


def imported(path):
    """Names of hierclf's parts that a module imports anywhere, also within functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [node.module or ""]
        else:
            continue
        for name in names:
            head, _, tail = name.partition(".")
            if head == "hierclf":
                yield tail.partition(".")[0] or "hierclf"


@pytest.mark.parametrize("path", modules()[1:], ids=lambda path: str(path.relative_to(HOME)))
def test_imports_point_down(path):
    source = part_of(path)
    assert source in RANK, f"{source} has no layer; give it one in LAYERS"
    for target in imported(path):
        if target in (source, VERSION):
            continue
        assert target in RANK, f"{path} imports {target}, which has no layer"
        assert RANK[target] < RANK[source], f"{source} must not import {target}"


def packages():
    names = ["hierclf", *(f"hierclf.{info.name}" for info in pkgutil.iter_modules([str(HOME)]) if info.ispkg)]
    return [importlib.import_module(name) for name in names]


def place_in_all(name):
    """Constants first, then classes, then functions, each by name."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2, name


@pytest.mark.parametrize("package", packages(), ids=lambda package: package.__name__)
def test_all_is_sorted_and_exact(package):
    if not hasattr(package, "__all__"):
        assert package.__name__ == "hierclf.cli", "a package says what it offers"
        return
    assert list(package.__all__) == sorted(set(package.__all__), key=place_in_all)
    for name in package.__all__:
        assert getattr(package, name) is not None
    source = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    brought_in = {
        alias.asname or alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hierclf.")
        for alias in node.names
    }
    assert brought_in - {"import_module"} <= set(package.__all__), "what is imported is offered"


def test_the_top_level_names_are_where_they_are_said_to_be():
    assert set(hierclf._HOME) == set(hierclf.__all__) - {"__version__"}
    for name, home in hierclf._HOME.items():
        assert getattr(hierclf, name) is getattr(importlib.import_module(home), name)
    assert dir(hierclf) == sorted(hierclf.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Taxonomi'"):
        hierclf.Taxonomi


@pytest.mark.parametrize("light", ["hierclf", "hierclf.taxonomy", "hierclf.errors", "hierclf.cli"])
def test_light_imports_bring_no_torch(light):
    heavy = ("torch", "torchvision", "sklearn", "scipy", "pydantic")
    program = f"import sys, {light}; print([name for name in {heavy!r} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=HOME.parent
    )
    assert answer.stdout.strip() == "[]"


def test_every_module_says_what_it_is_for():
    for path in modules():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert text, f"{path} has no docstring"
