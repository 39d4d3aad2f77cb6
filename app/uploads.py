"""The upload form: which fields it has, what may stand in them, and the file's name and bytes."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import Forbidden, InvalidInput
from core.types import DEFAULT_COLLECTION, Principal, Scalar

if TYPE_CHECKING:
    from app.store.blobs import Blob
    from app.store.records import NewUpload

MAX_GROUPS = 64
MAX_METADATA = 64
_MAX_FIELD = 64 * 1024
_MAX_NAME_BYTES = 255
_MAX_VALUE = 4096

FIELDS = ("collection", "external_id", "title", "groups", "metadata")


@dataclass(kw_only=True)
class Form:
    """The fields beside the file, as they arrive; each but `groups` may be given once."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        """Notes a field. Raises `InvalidInput` for one that is not known or was given before."""
        if name not in FIELDS:
            raise InvalidInput(f"The form field {_shown(name)} is not known; there are file, {', '.join(FIELDS)}.")
        if name in self.values and name != "groups":
            raise InvalidInput(f"The form field {name} is given twice.")
        self.values.setdefault(name, []).append(value)

    def one(self, name: str) -> str | None:
        """A field's text without surrounding space, None where it is absent or blank."""
        text = self.values.get(name, [""])[0].strip()
        return text or None

    @property
    def collection(self) -> str:
        return self.one("collection") or DEFAULT_COLLECTION

    @property
    def groups(self) -> tuple[str, ...] | None:
        """Group names: a JSON list, names with commas between them, or the field repeated; None where not given."""
        return groups(self.values["groups"]) if "groups" in self.values else None

    @property
    def metadata(self) -> Mapping[str, Scalar] | None:
        """A JSON object of scalars; None where not given."""
        text = self.one("metadata")
        return None if text is None else metadata(text)


def new_upload(form: Form, name: str, caller: Principal, pipeline: str, blob: Blob) -> NewUpload:
    """What the form and the file's bytes ask for. Raises `InvalidInput`, `Forbidden` for groups not the caller's."""
    from app.store.records import NewUpload

    groups = form.groups
    if groups is not None and not caller.admin and not caller.groups.issuperset(groups):
        raise Forbidden("A document can only be given to groups that you are in.")
    return NewUpload(
        collection=form.collection,
        external_id=form.one("external_id") or name,
        filename=name,
        size=blob.size,
        sha256=blob.sha256,
        pipeline=pipeline,
        principal=caller,
        title=form.one("title"),
        groups=groups,
        metadata=form.metadata,
    )


def groups(values: Sequence[str]) -> tuple[str, ...] | None:
    """The group names in one or several form values. Raises `InvalidInput`."""
    names: list[str] = []
    for value in values:
        text = value.strip()
        if text.startswith("["):
            listed = _json(text, "groups")
            if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
                raise InvalidInput("`groups` must be a list of names.")
            names += listed
        else:
            names += text.split(",")
    return checked_groups(names) or None


def checked_groups(names: Sequence[str]) -> tuple[str, ...]:
    """Group names as they may be kept, each once. Raises `InvalidInput`."""
    found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    if len(found) > MAX_GROUPS:
        raise InvalidInput(f"A document has at most {MAX_GROUPS} groups.")
    for name in found:
        if len(name) > 128 or not name.isprintable():
            raise InvalidInput(f"{_shown(name)} cannot be a group's name: at most 128 printable characters.")
    return found


def metadata(text: str) -> dict[str, Scalar]:
    """The metadata object in a form value. Raises `InvalidInput`."""
    value = _json(text, "metadata")
    if not isinstance(value, dict):
        raise InvalidInput("`metadata` must be a JSON object.")
    return checked_metadata(value)


def checked_metadata(value: dict[str, Any]) -> dict[str, Scalar]:
    """Metadata as it may be kept. Raises `InvalidInput`."""
    if len(value) > MAX_METADATA:
        raise InvalidInput(f"`metadata` has at most {MAX_METADATA} keys.")
    for key, item in value.items():
        if not key or len(key) > 128 or not key.isprintable():
            raise InvalidInput(f"{_shown(key)} cannot be a metadata key: 1 to 128 printable characters.")
        if not isinstance(item, str | int | float | bool):
            raise InvalidInput(f"`metadata.{_shown(key)}` must be a text, a number, true or false.")
        if isinstance(item, str) and len(item) > _MAX_VALUE:
            raise InvalidInput(f"`metadata.{_shown(key)}` is longer than {_MAX_VALUE:,} characters.")
        if isinstance(item, str) and any(
            unicodedata.category(each) in ("Cc", "Cs") for each in item if each not in "\n\t"
        ):
            raise InvalidInput(f"`metadata.{_shown(key)}` contains control characters.")
        if isinstance(item, float) and not math.isfinite(item):
            raise InvalidInput(f"`metadata.{_shown(key)}` must be a finite number.")
        if isinstance(item, int) and abs(item) >= 2**63:
            raise InvalidInput(f"`metadata.{_shown(key)}` is too large a number.")
    return value


def filename(name: str | None) -> str:
    """A file's name as it may be kept, in Unicode's composed form.

    Names that point elsewhere are refused and not repaired: whoever sent one should know that it was not taken.
    """
    name = unicodedata.normalize("NFC", (name or "").strip())
    if not name:
        raise InvalidInput("The file has no name; send one in the form's `file` field.")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in name):
        raise InvalidInput("The file's name contains control characters.")
    if "/" in name or "\\" in name or name in (".", ".."):
        raise InvalidInput("The file's name must be a plain name without folders; name the place in `external_id`.")
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise InvalidInput(f"The file's name is longer than {_MAX_NAME_BYTES} bytes.")
    return name


async def gathered(data: AsyncIterator[bytes], size: int = 1 << 18) -> AsyncIterator[bytes]:
    """The same bytes in pieces of at least `size`, since each piece costs a visit to another thread."""
    buffer = bytearray()
    async for piece in data:
        buffer += piece
        if len(buffer) >= size:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


async def field_text(data: AsyncIterator[bytes], name: str) -> str:
    """A form field's text, bounded."""
    value = bytearray()
    async for piece in data:
        value += piece
        if len(value) > _MAX_FIELD:
            raise InvalidInput(f"The form field {_shown(name)} is longer than {_MAX_FIELD:,} bytes.")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"The form field {_shown(name)} is not UTF-8 text.") from None


def _json(text: str, name: str) -> object:
    try:
        value: object = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise InvalidInput(f"`{name}` is nested too deeply.") from None
    except ValueError as error:
        raise InvalidInput(f"`{name}` is no valid JSON: {error}.") from None
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _shown(name: str) -> str:
    """A caller's word inside a message: short and printable."""
    cut = name if len(name) <= 40 else name[:39] + "…"
    return repr(cut)
