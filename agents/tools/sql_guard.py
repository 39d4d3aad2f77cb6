"""One SELECT and nothing else: each part of a statement must be known to be harmless, each function too.

What is run is written anew from the tree that was checked, without comments: no second reading of the text can differ.
The rights of the database's account and a read-only transaction hold beneath this.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from core.errors import Forbidden, InvalidInput

_PARTS = frozenset(
    """
    Select Union Intersect Except Subquery With CTE From Join Where Group Having Order Ordered Limit Offset
    Fetch Distinct LimitOptions Values Tuple Table TableAlias Column Identifier Star Alias Aliases Literal
    Boolean Null Paren Neg Not And Or Xor Add Sub Mul Div IntDiv Mod EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ
    Is Like ILike Glob SimilarTo RegexpLike RegexpILike Escape Between In Exists Any All Case If Cast TryCast
    DataType DataTypeParam Interval IntervalSpan Var Window WindowSpec Filter WithinGroup Collate DPipe
    BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift Cube Rollup GroupingSets
    Lateral Array Bracket Slice AtTimeZone JSONExtract JSONExtractScalar JSONPath JSONPathRoot JSONPathKey
    JSONPathSubscript IsNull
    """.split()  # noqa: SIM905
)  # fmt: skip
_FUNCTIONS = frozenset(
    """
    Abs Avg Ceil Coalesce Concat ConcatWs Corr Count CountIf CovarPop CovarSamp CumeDist CurrentDate CurrentTime
    CurrentTimestamp Date DateAdd DateDiff DateSub DateTrunc TimestampTrunc Day DayOfWeek DayOfYear DenseRank
    Exp Extract FirstValue Floor Greatest GroupConcat Hour Initcap JSONArrayAgg JSONObjectAgg Lag LastValue Lead
    Least Left Length Ln Log Lower Max Median Min Minute Month NthValue Ntile Nullif PercentileCont
    PercentileDisc PercentRank Pow Quarter Rank RegexpReplace Replace Reverse Right Round RowNumber Second Sign
    Split SplitPart Sqrt Stddev StddevPop StddevSamp StrPosition StrToDate StrToTime Substring Sum TimeToStr
    TsOrDsToDate TsOrDsToTimestamp Trim Trunc ToChar UnixToTime Upper Variance VariancePop Week Year ToNumber
    ArrayAgg StringAgg LogicalAnd LogicalOr
    """.split()  # noqa: SIM905
)  # fmt: skip
_NAMED = frozenset(
    """
    avg count total instr julianday strftime date time datetime unixepoch ifnull iif nullif printf format typeof
    substr ltrim rtrim btrim to_char to_date to_number age date_part make_date bool_and bool_or every mode cbrt
    degrees radians sin cos tan asin acos atan atan2 pi cardinality array_length position char_length bit_length
    octet_length regr_slope regr_intercept regr_r2 string_agg json_array_length jsonb_array_length width_bucket
    date_bin justify_days
    """.split()  # noqa: SIM905
)  # fmt: skip
_CATALOGS = {"sqlite_master", "sqlite_schema"}
_ONE = "Ask with exactly one SELECT statement."


def checked_select(sql: str, dialect: str) -> str:
    """The statement, written anew, if it is one SELECT that only reads. `dialect` is sqlglot's name.

    Raises `InvalidInput` for what cannot be parsed and `Forbidden` for what is not allowed; both say what it was.
    """
    if "\x00" in sql:
        raise InvalidInput("The statement holds a null character.")
    try:
        statements = [each for each in sqlglot.parse(sql, dialect=dialect) if each is not None]
    except (SqlglotError, RecursionError, ValueError):
        raise InvalidInput(f"The statement could not be read as {dialect} SQL. {_ONE}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Select | exp.SetOperation | exp.Subquery):
        raise Forbidden(_ONE)
    if any(not each.expressions for each in statements[0].find_all(exp.Select)):
        raise InvalidInput(f"The statement selects nothing. {_ONE}")
    try:
        for node in statements[0].walk():
            _check(node)
        return statements[0].sql(dialect=dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError):
        raise InvalidInput(f"The statement is nested too deeply, or not {dialect} SQL. {_ONE}") from None


def _check(node: exp.Expr) -> None:
    kind = type(node).__name__
    if isinstance(node, exp.Anonymous):
        name = str(node.this).lower()
        if name not in _NAMED:
            raise Forbidden(f"The function {name[:60]} is not allowed in queries.")
    elif kind in _FUNCTIONS:
        pass
    elif kind not in _PARTS:
        raise Forbidden(f"{kind} is not allowed in queries: they may only read. {_ONE}")
    if isinstance(node, exp.Table):
        _check_table(node)
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.USERDEFINED:
        raise Forbidden("A type of the database's own is not allowed in queries.")


def _check_table(table: exp.Table) -> None:
    """System tables show other people's statements, settings and accounts."""
    if not isinstance(table.this, exp.Identifier):
        return  # a function, which is checked by itself
    names = [part.name.lower() for part in table.parts]
    if any(name.startswith(("pg_", "sqlite_")) and name not in _CATALOGS for name in names):
        raise Forbidden("System tables are not allowed in queries; information_schema and sqlite_schema are.")
