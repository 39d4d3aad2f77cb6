"""Reads examples from outside: JSON Lines, or one JSON array, of three shapes and their usual variants.

    {"system": "…", "user": "…", "assistant": "…"}          the system's part may be missing
    {"messages": [{"role": "user", "content": "…"}, …]}      the last one is the assistant's, and is learnt
    {"prompt": …, "chosen": …, "rejected": …}                texts or messages; without a prompt, what both begin with
    {"prompt": …, "completion": …}                           with "label": true or false where it is judged

A row may have a `schema` that its outputs keep to, and a `question` where that is not all that a person said last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from core.errors import InvalidInput, NotFound
from core.types import Example, Lineage, Message
from finetune.report import Report
from finetune.rows import identified
from finetune.target import parsed, rewritten, written

MAX_ROW = 4_000_000
"""Characters of one row."""
_ROLES = ("system", "user", "assistant")


class _Refused(Exception):
    """Why a row is no example: a code and a sentence."""


def read_examples(path: Path, maker: Literal["import", "replay", "anchor"], report: Report) -> list[Example]:
    """The examples of a file, in order; every row that is none is in the report with its line and the reason.

    Raises `NotFound` where there is no such file, `InvalidInput` for one that is not text.
    """
    found, rows = [], 0
    for line, text in _rows(path):
        rows += 1
        origin = f"{path.name}:{line}"
        try:
            example = _example(text)
        except _Refused as refusal:
            code, detail = refusal.args
            report.refuse(origin, "import", code, detail)
            continue
        found.append(identified(replace(example, lineage=Lineage(maker=maker, origin=origin))))
    report.figures.setdefault("imports", {})[path.name] = {"rows": rows, "read": len(found), "as": maker}
    return found


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Each row's number, from 1, and its value or text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise InvalidInput(f"{path} is not text in UTF-8. Convert it first.") from None
    if text.lstrip().startswith("["):
        rows = parsed(text)
        if not isinstance(rows, list):
            raise InvalidInput(f"{path} begins as a JSON array and is none. Put it right, or write one object a line.")
        yield from enumerate(rows, start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _example(row: Any) -> Example:
    if isinstance(row, str):
        if len(row) > MAX_ROW:
            raise _Refused("too_long", f"The row has more than {MAX_ROW:,} characters.")
        row = parsed(row)
    if not isinstance(row, dict):
        raise _Refused("broken_json", "The row is no JSON object.")
    schema = _schema(row)
    if "messages" in row:
        prompt, completion = _divided(_messages(row["messages"], "messages"))
        return _sft(row, prompt, completion, schema)
    if "user" in row and "assistant" in row:
        system = [Message(role="system", content=_text(row["system"], "system"))] if row.get("system") else []
        prompt = (*system, Message(role="user", content=_text(row["user"], "user")))
        return _sft(row, prompt, _output(row["assistant"], "assistant", schema), schema)
    if "chosen" in row and "rejected" in row:
        return _preference(row, schema)
    if "prompt" in row and "completion" in row:
        example = _sft(row, _prompt(row["prompt"]), _output(row["completion"], "completion", schema), schema)
        if "label" not in row:
            return example
        if not isinstance(row["label"], bool):
            raise _Refused("bad_label", "`label` is neither true nor false.")
        return replace(example, kind="kto", label=row["label"])
    raise _Refused("unknown_shape", f"It has none of the known shapes; its fields are {_named(row)}.")


def _preference(row: Mapping[str, Any], schema: Mapping[str, Any]) -> Example:
    if "prompt" in row:
        prompt = _prompt(row["prompt"])
        better, worse = (_output(row[name], name, schema) for name in ("chosen", "rejected"))
    else:
        chosen, rejected = (_messages(row[name], name) for name in ("chosen", "rejected"))
        prompt, better = _divided(chosen)
        other, worse = _divided(rejected)
        if other != prompt:
            raise _Refused("prompts_differ", "`chosen` and `rejected` do not begin with the same messages.")
        better, worse = rewritten(better, schema), rewritten(worse, schema)
    if better == worse:
        raise _Refused("same", "`chosen` and `rejected` are the same.")
    bare = _sft(row, prompt, better, schema)
    return replace(bare, kind="preference", rejected=worse)


def _sft(row: Mapping[str, Any], prompt: tuple[Message, ...], completion: str, schema: Mapping[str, Any]) -> Example:
    if not prompt or prompt[-1].role != "user":
        raise _Refused("no_prompt", "The prompt does not end with what a user says.")
    if not completion.strip():
        raise _Refused("empty", "There is nothing to learn in it: the assistant says nothing.")
    question = row.get("question")
    asked = question if isinstance(question, str) and question.strip() else prompt[-1].content
    return Example(
        id="",
        kind="sft",
        lineage=Lineage(maker="import"),
        question=asked,
        prompt=prompt,
        completion=rewritten(completion, schema),
        schema=schema,
    )


def _prompt(value: Any) -> tuple[Message, ...]:
    if isinstance(value, str):
        return (Message(role="user", content=_text(value, "prompt")),)
    return _messages(value, "prompt")


def _messages(value: Any, name: str) -> tuple[Message, ...]:
    """Messages of the three roles, a system's only in front, a user and an assistant in turns."""
    if not isinstance(value, list) or not value:
        raise _Refused("bad_messages", f"`{name}` is no list of messages.")
    found = []
    for each in value:
        if not isinstance(each, dict) or each.get("role") not in _ROLES:
            raise _Refused("bad_role", f"`{name}` has a message whose role is not system, user or assistant.")
        found.append(Message(role=each["role"], content=_text(each.get("content"), name)))
    turns = [each.role for each in found if each.role != "system"]
    if any(each.role == "system" for each in found[1:]) or any(
        role != ("user", "assistant")[place % 2] for place, role in enumerate(turns)
    ):
        raise _Refused("bad_turns", f"`{name}`: user and assistant do not take turns, or a system's part is not first.")
    return tuple(found)


def _divided(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], str]:
    if messages[-1].role != "assistant":
        raise _Refused("no_completion", "The last message is not the assistant's.")
    return messages[:-1], messages[-1].content


def _output(value: Any, name: str, schema: Mapping[str, Any]) -> str:
    if isinstance(value, dict) and schema:
        return written(value, schema)
    if isinstance(value, list):
        messages = value
        if len(messages) != 1 or not isinstance(messages[0], dict) or messages[0].get("role") != "assistant":
            raise _Refused("bad_messages", f"`{name}` beside a prompt is one message of the assistant's.")
        value = messages[0].get("content")
    return rewritten(_text(value, name), schema)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _Refused("bad_text", f"`{name}` holds something that is no text.")
    if not value.strip():
        raise _Refused("empty", f"`{name}` is empty.")
    return value


def _schema(row: Mapping[str, Any]) -> Mapping[str, Any]:
    value = row.get("schema") or {}
    if isinstance(value, str):
        value = parsed(value)
    if not isinstance(value, dict):
        raise _Refused("no_schema", "`schema` is no JSON schema.")
    return value


def _named(row: Mapping[str, Any]) -> str:
    return json.dumps(sorted(map(str, row))[:8], ensure_ascii=False)
