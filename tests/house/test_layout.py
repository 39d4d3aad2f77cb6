"""The house's own rules: what lies where, and that its faces and its front page tell the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = PROJECT["tool"]["importlinter"]["root_packages"]
README = (ROOT / "README.md").read_text()


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listing.splitlines()]


def test_every_package_is_under_the_import_contracts() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench"}
    assert packages == set(ROOMS), "a new top-level package escapes the contracts until it is listed"


def test_contracts_have_no_exceptions() -> None:
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        assert not contract.get("ignore_imports"), contract["name"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_face(room: str) -> None:
    """Three sentences and a sorted `__all__`, no logic."""
    tree = ast.parse((ROOT / room / "__init__.py").read_text())
    docstring = ast.get_docstring(tree)
    assert docstring
    assert len(re.findall(r"[.:]\s", docstring + " ")) >= 3, (
        f"{room}: what comes in, what goes out, what it does not know"
    )
    exported = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node)
    )
    assert exported == sorted(exported)
    assert not [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If | ast.For)]


def test_the_readme_shows_the_tree_as_it_is() -> None:
    named = set(re.findall(r"^(\w+)/ {2,}", README, flags=re.MULTILINE))
    folders = {path.parts[0] for path in tracked() if len(path.parts) > 1 and not path.parts[0].startswith(".")}
    assert named == folders


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets


def test_the_readme_links_to_files_that_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_no_large_file_without_a_reason() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    for path in tracked():
        if (ROOT / path).exists() and (ROOT / path).stat().st_size > 1_000_000:
            assert path.name in architecture, f"{path} is over 1 MB and docs/architecture.md does not say why"


def test_the_lock_holds_every_dependency_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert not re.search(r"^(?!-)[^=\n]+(?<!=)=?[^=\n]*$", lock, flags=re.MULTILINE), "every line pins one version"
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lock.splitlines()}
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]
    for requirement in wanted:
        name = re.split(r"[\[<>=!~ ]", requirement)[0].lower().replace("_", "-")
        assert name in pinned, f"{name} is not in requirements.lock: run make lock"


def test_the_lock_pins_torch_exactly() -> None:
    assert "torch==2.13.0" in (ROOT / "requirements.lock").read_text().splitlines()
