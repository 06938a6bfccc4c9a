"""Realistic schema with a chosen number of rows, and a hash of every table."""

from pathlib import Path

from tests.support.drills.postgres import Server

HERE = Path(__file__).parent


def fill(server: Server, rows: int) -> int:
    """Create the schema as the role migrate, insert at least `rows` rows and return their number."""
    schema, filling = ((HERE / name).read_text() for name in ("schema.sql", "rows.sql"))
    server.sql(f"\\set n {rows}\nBEGIN; SET ROLE migrate;\n{schema}\n{filling}\nCOMMIT; ANALYZE;")
    return sum(int(value.split("|")[1]) for value in hashes(server).values())


def hashes(server: Server, database: str = "pipe_db") -> dict[str, str]:
    """Return `hash|count` for the rows of each table, sequence and materialised view, by name."""
    relations = server.sql(
        "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'm') ORDER BY 1",
        database,
    ).splitlines()
    queries = [
        f"SELECT md5(coalesce(string_agg(row, '' ORDER BY row), '')) || '|' || count(*)"
        f' FROM (SELECT md5(t::text) COLLATE "C" AS row FROM {name} t) AS rows;'
        for name in relations
    ]
    values = server.sql("\n".join(queries), database).splitlines()
    sequences = server.sql(
        "SELECT sequencename, coalesce(last_value, 0) || '|0' FROM pg_sequences ORDER BY 1", database
    )
    return dict(zip(relations, values, strict=True)) | {
        name: value for name, _, value in (line.partition("|") for line in sequences.splitlines())
    }


def constraints(server: Server, database: str = "pipe_db") -> list[str]:
    """Return all constraints and indexes with their definition and validity."""
    return server.sql(
        "SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace UNION ALL"
        " SELECT concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index"
        " JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        database,
    ).splitlines()
