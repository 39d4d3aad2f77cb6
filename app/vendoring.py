"""Refreshes the page's vendored files: `python -m app.vendoring` packs each npm package and copies what is named here.

Needs `npm` and its registry. `app/web/vendor/vendored.json` is rewritten with versions, licences and checksums; a test
compares it with the files.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VENDOR = Path(__file__).parent / "web" / "vendor"
MANIFEST = VENDOR / "vendored.json"


@dataclass(frozen=True, kw_only=True)
class Package:
    """An npm package in one version, and which of its files are kept under which name.

    `rewrites` are made in every file, in order: modules without a build step cannot import by a bare name.
    """

    name: str
    version: str
    files: Mapping[str, str]
    rewrites: tuple[tuple[str, str], ...] = field(default=())


PACKAGES = (
    Package(name="preact", version="11.2.0", files={"dist/preact.mjs": "preact.js"}),
    Package(
        name="preact",
        version="11.2.0",
        files={"hooks/dist/hooks.mjs": "preact-hooks.js"},
        rewrites=(('from"preact"', 'from"./preact.js"'),),
    ),
    Package(name="htm", version="3.1.1", files={"dist/htm.mjs": "htm.js"}),
    Package(name="marked", version="18.2.1", files={"lib/marked.esm.js": "marked.js"}),
    Package(name="dompurify", version="3.4.18", files={"dist/purify.es.mjs": "purify.js"}),
    Package(
        name="uplot",
        version="1.6.32",
        files={"dist/uPlot.esm.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
    ),
    Package(name="tus-js-client", version="4.3.1", files={"dist/tus.min.js": "tus.js"}),
    Package(
        name="@fontsource-variable/inter",
        version="5.3.0",
        files={"files/inter-latin-wght-normal.woff2": "inter-latin.woff2"},
    ),
)

ICONS = Package(name="lucide-static", version="1.62.0", files={"icon-nodes.json": "icons.js"})
ICON_NAMES = (
    *("activity", "arrow-up", "book-open", "bot", "calculator", "check", "chevron-down", "chevron-left"),
    *("chevron-right", "chevron-up", "circle-check", "circle-question-mark", "circle-x", "clock", "copy", "database"),
    *("download", "ellipsis", "external-link", "eye", "file-text", "folder-up", "globe", "hand", "hourglass", "info"),
    *("keyboard", "languages", "layers", "link", "list-filter", "loader-circle", "log-out", "menu"),
    *("message-square-text", "monitor", "moon", "panel-left", "pause", "pencil", "play", "plus", "quote"),
    *("rotate-ccw", "route", "search", "settings-2", "square", "square-terminal", "sun", "tag", "thumbs-down"),
    *("thumbs-up", "trash", "triangle-alert", "upload", "users", "wrench", "x", "zoom-in", "zoom-out"),
)

_SOURCE_MAP = b"//# sourceMappingURL="


def refresh() -> None:
    """Fetches every package and writes its files and the manifest. Raises `CalledProcessError` when npm fails."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    listed = []
    for package in (*PACKAGES, ICONS):
        with tempfile.TemporaryDirectory() as folder:
            root = _unpacked(package, Path(folder))
            about = json.loads((root / "package.json").read_text())
            for source, target in package.files.items():
                data = (root / source).read_bytes()
                data = _chosen_icons(data) if package is ICONS else _rewritten(data, package)
                (VENDOR / target).write_bytes(data)
                listed.append(
                    {
                        "file": target,
                        "package": package.name,
                        "version": package.version,
                        "licence": about["license"],
                        "source": source,
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                )
    MANIFEST.write_text(json.dumps(listed, indent=2) + "\n")


def _unpacked(package: Package, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def _rewritten(data: bytes, package: Package) -> bytes:
    for old, new in package.rewrites:
        if old.encode() not in data:
            raise SystemExit(f"{package.name} {package.version} does not contain {old}; look at how it imports now.")
        data = data.replace(old.encode(), new.encode())
    # The maps are not vendored, and a browser's tools would ask for them.
    return b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(_SOURCE_MAP))


def _chosen_icons(data: bytes) -> bytes:
    """A module with the drawings of `ICON_NAMES`, each a list of [element, attributes]."""
    known = json.loads(data)
    chosen = {name: known[name] for name in ICON_NAMES}
    return (
        f"// From {ICONS.name} {ICONS.version}, by app/vendoring.py.\nexport default {json.dumps(chosen)};\n".encode()
    )


if __name__ == "__main__":
    refresh()
