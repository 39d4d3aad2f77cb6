"""`footnote settings`: every setting, what it is now and what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.cli.output import out, put_json, put_table
from app.settings import PREFIX, Settings, load_settings

_HEAD = """# Configuration

Environment variables, read once when a process starts. Lists and mappings are JSON. A name that no setting answers to
is refused. `footnote settings` prints this list with the values in force; this page is its `--markdown`.

Secrets may stand in files instead, each named after its variable in small letters, in the folder that
`FOOTNOTE_SECRETS_DIR` names: `/run/secrets/footnote_auth__keys`. That folder is `/run/secrets` unless it is named.

"""


@dataclass(frozen=True)
class Row:
    """One setting."""

    name: str
    value: str
    description: str


def settings(
    markdown: Annotated[bool, typer.Option(help="The documentation page, with defaults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List every setting with its value."""
    if markdown:
        typer.echo(page(), nl=False)
        return
    rows = list(_rows(load_settings(), PREFIX))
    if as_json:
        put_json([row.__dict__ for row in rows])
    else:
        put_table(("setting", "value", "meaning"), ((row.name, row.value, row.description) for row in rows))
        out.print("\nSet them in the environment, for example FOOTNOTE_HTTP__PORT=9000.")


def page() -> str:
    """The documentation page: every setting with its default."""
    lines = ["| variable | default | |", "| --- | --- | --- |"]
    for row in _rows(_defaults(), PREFIX):
        cells = (f"`{row.name}`", f"`{row.value}`" if row.value else "", row.description.replace("|", "\\|"))
        lines.append(f"| {' | '.join(cells)} |")
    return _HEAD + "\n".join(lines) + "\n"


def _defaults() -> Settings:
    values = {
        name: field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
        if not field.is_required()
    }
    return Settings.model_construct(**values)


def _rows(model: BaseModel, prefix: str) -> Iterator[Row]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        full = f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            yield from _rows(value, f"{full}__")
        else:
            yield Row(full, _shown(value), _described(field))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    if isinstance(value, BaseModel):
        return "{…}"  # an API key: never printed
    return str(value)


def _described(field: FieldInfo) -> str:
    return field.description or ""
