"""The page's files: vendored as listed, texts whole in every language, colours named and readable, modules sound."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

from app.vendoring import ICONS, MANIFEST, PACKAGES, VENDOR

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "app" / "web"
OWN = sorted(path for path in WEB.rglob("*") if path.is_file() and VENDOR not in path.parents)
SCRIPTS = {path.relative_to(WEB).as_posix(): path.read_text() for path in OWN if path.suffix == ".js"}
SHEETS = {path.relative_to(WEB).as_posix(): path.read_text() for path in OWN if path.suffix == ".css"}
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in OWN if path.parent.name == "texts"}
ENGLISH: dict[str, Any] = LANGUAGES["en"]

_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_JS_COMMENT = re.compile(r"/\*.*?\*/|(?<![^\s;{}(),])//[^\n]*", re.DOTALL)


def bare(name: str) -> str:
    """A file's text without its comments."""
    return _JS_COMMENT.sub("", SCRIPTS[name]) if name in SCRIPTS else _CSS_COMMENT.sub("", SHEETS[name])


# Vendored files


def test_every_vendored_file_is_the_one_that_is_listed() -> None:
    listed = {entry["file"]: entry["sha256"] for entry in json.loads(MANIFEST.read_text())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    assert {name: digest for name, digest in found.items() if name != MANIFEST.name} == listed


def test_the_list_is_what_the_script_would_fetch_and_names_licences() -> None:
    wanted = {
        (target, package.name, package.version, source)
        for package in (*PACKAGES, ICONS)
        for source, target in package.files.items()
    }
    entries = json.loads(MANIFEST.read_text())
    assert {(each["file"], each["package"], each["version"], each["source"]) for each in entries} == wanted
    assert all(each["licence"] for each in entries)


def test_the_accessibility_checker_is_the_one_its_readme_names() -> None:
    folder = ROOT / "tests" / "data" / "axe"
    readme = (folder / "README.md").read_text()
    data = (folder / "axe.min.js").read_bytes()
    assert hashlib.sha256(data).hexdigest() in readme
    version = re.search(rb"axe v([\d.]+)", data)
    assert version
    assert f"`axe-core` {version[1].decode()} " in readme


# Texts


def forms(text: str | dict[str, str]) -> list[str]:
    return list(text.values()) if isinstance(text, dict) else [text]


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_every_language_says_the_same_things(code: str) -> None:
    texts = LANGUAGES[code]
    assert list(texts) == sorted(ENGLISH), "the same keys, in order"
    for key, text in texts.items():
        assert isinstance(text, dict) == isinstance(ENGLISH[key], dict), key
        if isinstance(text, dict):
            assert set(text) == {"one", "other"}, key
        assert all(form.strip() == form and form for form in forms(text)), key
        # A singular may leave the number out; nothing else may be left out or added.
        parts = [set(re.findall(r"\{(\w+)\}", form)) for form in (forms(text)[-1], forms(ENGLISH[key])[-1])]
        assert parts[0] == parts[1], key


def test_every_language_can_be_chosen() -> None:
    offered = re.search(r"LANGUAGES = \{([^}]*)\}", SCRIPTS["lib/texts.js"])
    assert offered
    assert set(re.findall(r"(\w+):", offered[1])) == set(LANGUAGES)


def asked() -> Iterator[tuple[str, str]]:
    """Every key given to `t` as it stands in the code: (file, key). `${…}` in one is `*`."""
    for name in SCRIPTS:
        for call in re.finditer(r"\bt\(\s*(?:\"([^\"]+)\"|`((?:[^`$]|\$\{[^}]*\})+)`)", bare(name)):
            yield name, call[1] or re.sub(r"\$\{[^}]*\}", "*", call[2])


def pattern(key: str) -> re.Pattern[str]:
    return re.compile(".+".join(re.escape(part) for part in key.split("*")))


def test_every_text_that_is_asked_for_exists() -> None:
    keys = list(asked())
    assert len(keys) >= 20, "the calls of t() are not found any more"
    for name, key in keys:
        assert any(pattern(key).fullmatch(known) for known in ENGLISH), f"{name}: {key}"


def test_every_text_is_asked_for() -> None:
    """As a string anywhere in the code, since a key may come out of a table; or by a pattern of `t`."""
    code = "\n".join(bare(name) for name in SCRIPTS)
    patterns = [pattern(key) for _, key in asked() if "*" in key]
    unused = [key for key in ENGLISH if f'"{key}"' not in code and not any(each.fullmatch(key) for each in patterns)]
    assert not unused


# Colours and type


def declared(block: str) -> dict[str, str]:
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", block))


def tokens() -> dict[str, dict[str, str]]:
    """Every token's value in the light theme, in the system's dark one, and in the chosen dark one."""
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", bare("styles/tokens.css"))
    found = {selector.strip(): declared(block) for selector, block in blocks}
    light = found[":root"]
    return {
        "light": light,
        "dark": {**light, **found[':root[data-theme="dark"]']},
        "system": {**light, **found[':root:not([data-theme="light"])']},
    }


def test_the_chosen_dark_theme_is_the_systems() -> None:
    assert tokens()["dark"] == tokens()["system"]


COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\(")
NAMED = re.compile(
    r"(?:color|background|border[\w-]*|fill|stroke|outline)\s*:[^;]*\b(?:white|black|gr[ae]y|red|green|blue|yellow|orange)\b"
)


def test_colours_have_names() -> None:
    for name in (*SHEETS, *SCRIPTS):
        if name == "styles/tokens.css":
            continue
        # In a script a colour would be a string of its own; "#main" in it is an address.
        found = [each[0] for each in COLOUR.finditer(bare(name)) if name in SHEETS or re.search(r"\d|\(", each[0])]
        assert not found, f"{name}: {found}; put it into styles/tokens.css"
        assert name in SCRIPTS or not NAMED.search(bare(name)), name


def test_tokens_that_are_used_exist_and_the_others_do_not() -> None:
    code = "\n".join(bare(name) for name in (*SHEETS, *SCRIPTS))
    used = set(re.findall(r"var\((--[\w-]+)", code))
    known = set(tokens()["light"])
    of_parts = {name for sheet in SHEETS for name in declared(bare(sheet))}
    in_scripts = set(re.findall(r"--[\w-]+", "\n".join(bare(name) for name in SCRIPTS)))
    assert used <= known | of_parts | in_scripts
    assert {name for name in known if name not in used and not name.startswith("--plot-")} <= in_scripts


def test_type_grows_with_the_readers_setting() -> None:
    for name in SHEETS:
        assert not re.search(r"font(?:-size)?:[^;]*\dpx", bare(name)), name


def luminance(colour: str) -> float:
    assert re.fullmatch("#[0-9a-f]{6}", colour), colour
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio of two colours."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


GROUNDS = ("bg", "surface", "sunken", "hover")
READ = [
    *itertools.product(("text", "muted", "accent", "accent-hover", "bad", "good", "warn"), GROUNDS),
    *[("on-accent", "accent"), ("on-accent", "accent-hover"), ("bg", "bad"), ("text", "mark")],
    *[("accent", "accent-soft"), ("text", "accent-soft"), ("muted", "accent-soft")],
    *[(kind, f"{kind}-soft") for kind in ("good", "warn", "bad")],
    *[("text", f"{kind}-soft") for kind in ("good", "warn", "bad")],
]
SEEN = [("line-strong", ground) for ground in GROUNDS[:3]] + [
    (f"plot-{number}", ground) for number in range(1, 6) for ground in ("bg", "surface")
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(READ, 4.5), (SEEN, 3.0)], ids=["text", "lines"])
def test_contrast(theme: str, pairs: list[tuple[str, str]], least: float) -> None:
    colours = tokens()[theme]
    for front, behind in pairs:
        found = contrast(colours[f"--{front}"], colours[f"--{behind}"])
        assert found >= least, f"{front} on {behind}: {found:.2f}"


# Documents and modules


def test_the_document_names_files_that_exist_and_every_sheet() -> None:
    document = (WEB / "index.html").read_text()
    named = re.findall(r'(?:href|src)="/assets/@/([^"]+)"', document)
    assert [name for name in named if not (WEB / name).is_file()] == []
    assert {name for name in named if name.endswith(".css")} - {"vendor/uplot.css"} == set(SHEETS)
    assert not re.findall(r'(?:href|src)="(?!/assets/@/)[^"]*"', document), "everything comes with the fingerprint"
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*src=)|\son\w+=", document), "the policy refuses inline code"


def test_every_script_parses_and_finds_what_it_imports() -> None:
    node = compute_driver_executable()[0]
    files = [str(WEB / name) for name in SCRIPTS]
    flags = ["--experimental-vm-modules", "--no-warnings"]
    ran = subprocess.run(
        [node, *flags, Path(__file__).with_name("link.mjs"), *files], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_every_view_is_a_file() -> None:
    for name in SCRIPTS:
        for target in re.findall(r"\bimport\(\s*\"([^\"]+)\"\s*\)", bare(name)):
            assert (WEB / name).parent.joinpath(target).is_file(), f"{name}: {target}"


def test_every_script_is_reached_from_the_document() -> None:
    reached = {"main.js", "theme.js"}
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        for target in re.findall(r"(?:from|import)\s*\(?\s*\"(\.[^\"]+)\"", bare(name)):
            path = (WEB / name).parent.joinpath(target).resolve()
            found = path.relative_to(WEB).as_posix()
            if found in SCRIPTS and found not in reached:
                reached.add(found)
                waiting.append(found)
    assert reached == set(SCRIPTS)


def test_no_file_names_another_host() -> None:
    for path in OWN:
        text = path.read_text()
        name = path.relative_to(WEB).as_posix()
        text = bare(name) if name in SCRIPTS or name in SHEETS else text
        text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:/", text), name


def test_markup_comes_from_the_sanitiser_only() -> None:
    for name in SCRIPTS:
        code = bare(name)
        assert not re.search(
            r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function", code
        ), name
        for value in re.findall(r"\b__html\b\W*(.{20})", code):
            assert re.match(r"(?:markdown|inlineMarkdown)\(", value), f"{name}: {value}"
        assert not re.search(r"\sstyle=\"", code), f"{name}: the policy refuses inline styles"
