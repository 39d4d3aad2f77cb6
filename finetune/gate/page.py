"""The report as one page: no scripts, nothing from elsewhere, light or dark as the reader's system is.

What a report says may come from a hostile model or file: every text is escaped, and a policy in the page forbids
whatever might get through all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from finetune.gate.plots import grid, intervals
from finetune.gate.rules import RATIOS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root{color-scheme:light dark;--ink:#1a1c1f;--soft:#5c636b;--line:#d5d9de;--ground:#fff;--good:#16794a;--bad:#b3261e;
--open:#8a6100}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9ec;--soft:#9aa3ad;--line:#3a4048;--ground:#15171a;--good:#57c98c;
--bad:#ff8a80;--open:#e6b94d}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:60rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.soft{color:var(--soft)}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}.scroll{overflow-x:auto}
svg{max-width:100%;height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}
svg .axis{stroke:var(--line)}svg .soft{fill:var(--soft)}svg .good{stroke:var(--good);fill:var(--good)}
svg .bad{stroke:var(--bad);fill:var(--bad)}svg .open{stroke:var(--open);fill:var(--open)}
svg text.good,svg text.bad,svg text.open{stroke:none}
"""
_OPEN = ("undecided", "not_ruled")


def page(row: Mapping[str, Any]) -> str:
    """HTML of a report, as `GateReport.to_row` tells it."""
    told = "passed" if row["passed"] else "was stopped"
    title = f"{row['candidate']} {told}"
    parts = [
        f'<h1 class="{"good" if row["passed"] else "bad"}">{escape(title)}</h1>',
        _facts(row),
        _reasons(row["reasons"]),
        *_measures("Measures", [each for each in row["measures"] if each["measure"] not in RATIOS], ratio=False),
        *_measures(
            "Ratios", [each for each in row["measures"] if each["measure"] in RATIOS] + row["speed"], ratio=True
        ),
        *_slices(row["slices"]),
        *_measures("What it could before", _general(row), ratio=False),
        *_judge(row["judge"]),
        *_worst(row["measures"]),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_POLICY}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def mark(said: str) -> str:
    """The class that a verdict is drawn in."""
    return "good" if said == "passed" else "open" if said in _OPEN else "bad"


def _facts(row: Mapping[str, Any]) -> str:
    base, leaks = row["base"], row["leaks"]
    facts = [
        ("Candidate", row["candidate"]),
        ("Champion", row["champion"]),
        ("Base", "not told" if base is None else f"{base['model']}, {base['quantization'] or 'not quantized'}"),
        ("Rules", f"{row['rules']['digest']}, intervals at {row['rules']['confidence']:.0%}"),
        ("Questions", f"{row['items']} in {row['clusters']} conversations"),
        ("Leaks", "not looked for" if leaks is None else f"{leaks['count']} in {leaks['rows']} training rows"),
        ("Undecided", ", ".join(row["undecided"]) or "nothing"),
        *((f"{name} not measured", why) for name, why in row.get("unmeasured", {}).items()),
    ]
    return _table(("", ""), [(escape(name), escape(str(value))) for name, value in facts], numbers=())


def _reasons(reasons: Sequence[Mapping[str, Any]]) -> str:
    if not reasons:
        return ""
    listed = "".join(f"<li>{escape(each['said'])}</li>" for each in reasons)
    return f"<h2>Why it was stopped</h2><ul>{listed}</ul>"


def _measures(title: str, found: Sequence[Mapping[str, Any]], *, ratio: bool) -> Iterable[str]:
    if not found:
        return
    yield f"<h2>{escape(title)}</h2>"
    lines = [(_name(each), each["low"], each["difference"], each["high"], mark(each["said"])) for each in found]
    yield f'<div class="scroll">{intervals(lines, 1.0 if ratio else 0.0)}</div>'
    change = "ratio" if ratio else "difference"
    head = ("measure", "champion", "candidate", change, "interval", "n", "verdict")
    rows = [
        (
            escape(_name(each)),
            _figure(each["champion"]),
            _figure(each["candidate"]),
            _figure(each["difference"]),
            f"{_figure(each['low'])} to {_figure(each['high'])}",
            str(each["n"]),
            f'<span class="{mark(each["said"])}">{escape(each["said"])}</span>',
        )
        for each in found
    ]
    yield _table(head, rows, numbers=(1, 2, 3, 4, 5))


def _slices(found: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if found:
        yield "<h2>Parts</h2><p class=soft>Candidate less champion; red where it is shown to be worse.</p>"
        cells = {(each["slice"], each["measure"]): (each["difference"], mark(each["said"])) for each in found}
        yield f'<div class="scroll">{grid(cells)}</div>'


def _general(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*([row["general"]] if row["general"] else []), *row["tasks"]]


def _judge(judged: Mapping[str, Any] | None) -> Iterable[str]:
    if judged is None:
        return
    kappa = "not defined" if judged["kappa"] is None else f"{judged['kappa']:.2f}"
    yield "<h2>Judge</h2>"
    yield (
        f"<p>{judged['wins']} won, {judged['ties']} tied, {judged['losses']} lost, {judged['unsure']} judged two ways. "
        f"Agreement of {escape(judged['model'] or 'the judge')} with people (Cohen’s kappa, {judged['people']} pairs): "
        f"{kappa}. "
        f"{'It bears witness.' if judged['trusted'] else 'It decides nothing.'}</p>"
    )


def _worst(found: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    rows = [(escape(each["measure"]), escape(", ".join(each["worst"]))) for each in found if each["worst"]]
    if rows:
        yield "<h2>Where it falls behind most</h2>"
        yield _table(("measure", "items"), rows, numbers=())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int]) -> str:
    """Cells are HTML already."""

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = (' class="n"' if place in numbers else "" for place in range(len(row)))
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    top = f"<tr>{cells('th', head)}</tr>" if any(head) else ""
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table>{top}{body}</table></div>'


def _name(each: Mapping[str, Any]) -> str:
    return str(each["slice"] or each["measure"])


def _figure(value: float | None) -> str:
    return "∞" if value is None else f"{value:.3g}"
