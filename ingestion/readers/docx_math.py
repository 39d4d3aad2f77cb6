"""Word's formulas (OMML, ECMA-376 part 1, section 22.1) as one line of text: "(a+b)/(2c)", "x^2", "√(n)"."""

from __future__ import annotations

from ingestion.readers.ooxml import M, Node


def formula(node: Node) -> str:
    """The formula under `node` on one line. What is not known here comes out as the text it holds."""
    name = node.tag.removeprefix(M) if isinstance(node.tag, str) else ""
    if name == "t":
        return node.text or ""
    if name.endswith("Pr") or not name:
        return ""
    if name == "f":
        return f"{_grouped(_part(node, 'num'))}/{_grouped(_part(node, 'den'))}"
    if name == "rad":
        degree = _part(node, "deg")
        return f"{degree}√({_part(node, 'e')})"
    if name in ("sSup", "sSub", "sSubSup"):
        below, above = _part(node, "sub"), _part(node, "sup")
        return _part(node, "e") + (f"_{_grouped(below)}" if below else "") + (f"^{_grouped(above)}" if above else "")
    if name == "nary":
        return f"{_sign(node)}_{_grouped(_part(node, 'sub'))}^{_grouped(_part(node, 'sup'))} {_part(node, 'e')}"
    if name == "d":
        return "(" + ", ".join(formula(child) for child in node.findall(f"{M}e")) + ")"
    if name == "mr":
        return ", ".join(formula(child) for child in node.findall(f"{M}e")) + "; "
    return "".join(formula(child) for child in node)


def _part(node: Node, name: str) -> str:
    part = node.find(M + name)
    return formula(part) if part is not None else ""


def _grouped(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"


def _sign(node: Node) -> str:
    sign = node.find(f"{M}naryPr/{M}chr")
    return (sign.get(f"{M}val") or "∫") if sign is not None else "∫"
