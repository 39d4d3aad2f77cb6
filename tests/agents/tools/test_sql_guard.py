"""What is one SELECT that only reads, and what is not."""

from __future__ import annotations

import pytest
import sqlglot

from agents.tools.sql_guard import checked_select
from core.errors import Forbidden, InvalidInput

GOOD = [
    "SELECT 1",
    "SELECT a, count(*) n FROM t WHERE b LIKE 'x%' GROUP BY a HAVING count(*) > 1 ORDER BY n DESC LIMIT 5 OFFSET 2",
    "WITH x AS (SELECT * FROM t) SELECT * FROM x JOIN u ON x.id = u.id LEFT JOIN v USING (id)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
    "SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END, coalesce(a, 0), round(avg(b), 2), cast(a AS int) FROM t",
    "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
    "SELECT DISTINCT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id) AND b IS NOT NULL AND c BETWEEN 1 AND 2",
    "SELECT 1 UNION SELECT 2 EXCEPT SELECT 3",
    "SELECT 'DROP TABLE t; -- 12:30' AS a -- a comment",
    "SELECT 1;",
]
SQLITE = [
    "SELECT strftime('%Y', d), date('now'), ifnull(a, 0), group_concat(a, ',') FROM t",
    "SELECT name FROM sqlite_master",
]
POSTGRES = [
    "SELECT date_trunc('month', d), extract(year FROM d), a::numeric, string_agg(a, ',' ORDER BY a) FROM t",
    "SELECT now(), a ILIKE 'x', a ~ 'b', d + interval '1 day' FROM t",
    "SELECT table_name FROM information_schema.tables",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t",
    "SELECT to_char(d, 'YYYY-MM'), split_part(a, ',', 1) FROM t FETCH FIRST 3 ROWS ONLY",
]
BOTH = [
    # writing, plainly
    "INSERT INTO t VALUES (1)",
    "UPDATE t SET a = 1",
    "DELETE FROM t",
    "REPLACE INTO t VALUES (1)",
    "DROP TABLE t",
    "CREATE TABLE x (a int)",
    "CREATE TABLE x AS SELECT * FROM t",
    "CREATE VIEW x AS SELECT 1",
    "ALTER TABLE t ADD b int",
    "TRUNCATE t",
    "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
    "VACUUM",
    "ANALYZE",
    "REINDEX",
    "GRANT ALL ON t TO public",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "CREATE INDEX i ON t (a)",
    # writing behind a reading
    "SELECT 1; DROP TABLE t",
    "SELECT 1;; DELETE FROM t;",
    "SELECT 1 /* ; */; INSERT INTO t VALUES (1)",
    "SELECT 1 --\n; DROP TABLE t",
    "SELECT 1; SELECT 2",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT a FROM x",
    "WITH x AS (UPDATE t SET a = 1 RETURNING *) TABLE x",
    "WITH x AS (SELECT 1) DELETE FROM t",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
    "SELECT * INTO x FROM t",
    "SELECT * FROM (DELETE FROM t RETURNING *) AS x",
    "EXPLAIN ANALYZE DELETE FROM t",
    "EXPLAIN SELECT 1",
    # parameters, nothing, nonsense
    "",
    ";",
    "--",
    "/* SELECT 1 */",
    "SELECT",
    "x",
    "SELECT ?",
    "SELECT :name",
    "SELECT * FROM t WHERE a = @x",
    "SELECT 1\x00; DROP TABLE t",
    "(" * 3_000 + "SELECT 1" + ")" * 3_000,
    "SELECT " + "-" * 2 + "\n",
    "VALUES (1)",
    "SHOW ALL",
    "DESCRIBE t",
    "USE x",
    "CALL x()",
    "EXECUTE x",
    "PREPARE x AS SELECT 1",
    "SET x = 1",
    "DECLARE c CURSOR FOR SELECT 1",
    "LOCK TABLE t",
]
HOSTILE_SQLITE = [
    "ATTACH DATABASE '/etc/passwd' AS x",
    "DETACH x",
    "PRAGMA query_only = OFF",
    "PRAGMA table_info(t)",
    "SELECT * FROM pragma_table_info('t')",
    "SELECT load_extension('/tmp/x.so')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/x', 'y')",
    "SELECT edit('x')",
    "SELECT randomblob(1000000000)",
    "SELECT zeroblob(1000000000)",
    "SELECT fts3_tokenizer('x')",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM sqlite_sequence",
    "SELECT * FROM sqlite_stat1",
    "SELECT hex(randomblob(9))",
    "SELECT \"load_extension\"('x')",
    "SELECT load_extension ('x')",
    "VACUUM INTO '/tmp/x'",
    "SELECT /* x */ LOAD_EXTENSION('x')",
    "SELECT [load_extension]('x')",
    "SELECT * FROM generate_series(1, 1000000000)",
]
HOSTILE_POSTGRES = [
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_sleep(100)",
    "SELECT pg_sleep_for('1 hour')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT * FROM dblink('host=inside', 'SELECT 1') AS x(a int)",
    "SELECT dblink_connect('host=inside')",
    "COPY t TO '/tmp/x'",
    "COPY t FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO PROGRAM 'curl inside'",
    "DO $$ BEGIN END $$",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT current_setting('data_directory')",
    "SELECT nextval('s')",
    "SELECT setval('s', 1)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_reload_conf()",
    "SELECT pg_advisory_lock(1)",
    "SELECT query_to_xml('DELETE FROM t', true, true, '')",
    "SELECT xpath('/x', xmlparse(document 'x'))",
    "SELECT * FROM pg_shadow",
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT query FROM pg_stat_activity",
    "SELECT * FROM PG_SHADOW",
    'SELECT * FROM "pg_shadow"',
    "SELECT * FROM t FOR UPDATE",
    "SELECT * FROM t FOR SHARE",
    "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    "SELECT \"pg_read_file\"('/etc/passwd')",
    "SELECT U&\"pg_read_\\0066ile\"('x')",
    "SELECT pg_read_file/**/('/etc/passwd')",
    "SELECT PG_SLEEP(1)",
    "SELECT (pg_stat_file('/etc/passwd')).size",
    "SELECT * FROM pg_ls_logdir()",
    "SELECT 'pg_read_file'::regproc",
    "SELECT generate_series(1, 1000000000)",
    "SELECT * FROM generate_series(1, 1000000000)",
    "SELECT repeat('x', 1000000000)",
    "SELECT 1 OPERATOR(pg_catalog.+) 1",
    "NOTIFY x",
    "LISTEN x",
    "SELECT pg_notify('x', 'y')",
    "SELECT version()",
    "SELECT inet_server_addr()",
    "SELECT current_database()",
    "SELECT a FROM t WHERE a = (SELECT pg_sleep(9) IS NULL)",
    "SELECT * FROM t ORDER BY pg_sleep(9)",
    "SELECT count(*) FILTER (WHERE pg_sleep(9) IS NULL) FROM t",
    "RESET ALL",
    "SELECT $1",
    "SELECT %s",
    "SELECT ts_stat('SELECT 1')",
    "SELECT database_to_xml(true, true, '')",
    "CHECKPOINT",
]


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [(each, name) for name, own in (("sqlite", SQLITE), ("postgres", POSTGRES)) for each in [*GOOD, *own]],
)
def test_a_reading_statement_is_kept(sql: str, dialect: str) -> None:
    written = checked_select(sql, dialect)
    assert sqlglot.transpile(written, dialect, dialect) == sqlglot.transpile(sql, dialect, dialect, comments=False)
    assert "a comment" not in written


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        (each, name)
        for name, own in (("sqlite", HOSTILE_SQLITE), ("postgres", HOSTILE_POSTGRES))
        for each in [*BOTH, *own]
    ],
)
def test_everything_else_is_refused(sql: str, dialect: str) -> None:
    with pytest.raises((Forbidden, InvalidInput)):
        checked_select(sql, dialect)


def test_values_within_json_can_be_read() -> None:
    assert checked_select("SELECT j ->> 'a', j -> 'b' FROM t", "postgres") == "SELECT j ->> 'a', j -> 'b' FROM t"
