"""Who may read what, said once as SQL. Fails closed: a principal without groups reads nothing."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, false

from app.store.tables import document_groups, documents
from core.types import Principal


def permitted(principal: Principal) -> ColumnElement[bool]:
    """True of the rows of `documents` that share a group with the principal; deleted ones are not looked at."""
    if principal.admin:
        return documents.c.id.is_not(None)
    if not principal.groups:
        return false()
    return exists().where(
        document_groups.c.document_id == documents.c.id, document_groups.c.name.in_(sorted(principal.groups))
    )


def readable(principal: Principal) -> ColumnElement[bool]:
    """True of the documents that are not deleted and that the principal may read."""
    return and_(documents.c.deleted_at.is_(None), permitted(principal))


def may_read(principal: Principal, groups: tuple[str, ...]) -> bool:
    """The same rule for groups already in hand."""
    return principal.admin or not principal.groups.isdisjoint(groups)
