"""A version's card on the command line: where it comes from, how it was made, what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.cli.output import out, plain, put_table

_FACTS = ("name", "kind", "method", "base", "licence", "dataset", "size", "created_at", "pinned_by")


def put_card(version: Mapping[str, Any]) -> None:
    """Prints a version as the API tells it, with its card; what a card does not say is left out."""
    card = version["card"]
    for name, value in _lines(version, card):
        out.print(f"{name}: {plain(str(value))}")
    metrics = card.get("metrics") or {}
    before, after = metrics.get("before") or {}, metrics.get("after") or {}
    rows = [(name.removeprefix("eval_"), _short(before[name]), _short(after[name])) for name in after if name in before]
    if rows:
        out.print()
        put_table(("metric on rows kept back", "before", "after"), rows)
    settings = list(_settings(card.get("settings") or {}))
    if settings:
        out.print()
        put_table(("setting", "value"), settings)
    for warning in card.get("warnings") or ():
        out.print(f"[yellow]warning:[/yellow] {plain(str(warning))}")


def _lines(version: Mapping[str, Any], card: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for fact in _FACTS:
        if version.get(fact) is not None:
            yield fact.replace("_", " "), version[fact]
    data, cost, curves = card.get("data") or {}, card.get("cost") or {}, card.get("curves") or ()
    if data.get("train") is not None:
        left = len(data.get("left_out") or ())
        yield "rows", f"{data['train']} to train on, {data.get('validation', 0)} kept back, {left} left out as too long"
    if data.get("licences"):
        yield "licences of imported rows", ", ".join(map(str, data["licences"]))
    if cost.get("steps") is not None:
        yield "trained", f"{cost['steps']} steps in {_short(cost.get('seconds'))} seconds"
    for curve in ("loss", "reward"):
        points = [line[curve] for line in curves if isinstance(line.get(curve), int | float)]
        if points:
            yield curve, f"{_short(points[0])} at first, {_short(points[-1])} at last"
    for name, value in ((card.get("metrics") or {}).get("measured") or {}).items():
        yield name, _short(value)
    if card.get("versions"):
        yield "made with", ", ".join(f"{name} {number}" for name, number in card["versions"].items())


def _settings(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was set, one a line; parts by their names. What says where it was read from stands above already."""
    for name, value in settings.items():
        if name in ("name", "method", "model", "data") or value in (None, [], {}):
            continue
        if isinstance(value, Mapping):
            yield from ((f"{name}.{part}", _short(each)) for part, each in value.items() if each is not None)
        else:
            yield name, _short(value)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


__all__ = ["put_card"]
