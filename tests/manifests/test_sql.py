"""The rendered SQL on a real PostgreSQL, with TimescaleDB's functions played: it runs, and it runs again."""

import os
import re
import subprocess

import pytest
from postgres import running
from rendering import example, rendered, write

from capplan.errors import InputError

PLAN = """
name: fleet
regions: {aws: eu-west-1}
demand: {requests_per_second: 20, entry: {api: 1}}
services:
  api:
    {platform: kubernetes, cpu: 500m, memory: 512Mi, throughput: 50/s, instances: {min: 2}, calls: {store: 1}}
clusters: {main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 2, max: 6}}}}}
databases:
  store:
    platform: kubernetes
    cpu: 2
    memory: 8Gi
    storage: 50Gi
    time_series: {readings: {rows_per_second: 80, row_size: 90B, compress_after: 3d, retain: 60d}}
manifests:
  indexes:
    - {table: readings, columns: [device, time], descending: true}
    - {table: owners, columns: [mail]}
"""

TIMESCALEDB = """
CREATE SCHEMA played;
CREATE TABLE played.hypertables (name text PRIMARY KEY);
CREATE TABLE played.policies
  (kind text, name text REFERENCES played.hypertables, after interval, PRIMARY KEY (kind, name));
CREATE FUNCTION create_hypertable(t regclass, c name, chunk_time_interval interval, if_not_exists boolean)
  RETURNS void LANGUAGE sql AS
  'INSERT INTO played.hypertables SELECT attrelid::regclass::text FROM pg_attribute
     WHERE attrelid = t AND attname = c AND attnotnull ON CONFLICT DO NOTHING';
CREATE FUNCTION compressed(t text) RETURNS void LANGUAGE sql AS
  'INSERT INTO played.policies VALUES (''enabled'', t, NULL) ON CONFLICT DO NOTHING';
CREATE FUNCTION add_compression_policy(t text, a interval, if_not_exists boolean) RETURNS void LANGUAGE sql AS
  'INSERT INTO played.policies VALUES (''compress'', t, a) ON CONFLICT DO NOTHING';
CREATE FUNCTION add_retention_policy(t text, a interval, if_not_exists boolean) RETURNS void LANGUAGE sql AS
  'INSERT INTO played.policies VALUES (''retain'', t, a) ON CONFLICT DO NOTHING';
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (
    SELECT FROM played.hypertables WHERE current_query() ~* ('CONCURRENTLY .* ON ' || name || ' ')
  ) THEN
    RAISE 'hypertables do not support concurrent index creation';
  END IF;
END $$;
CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION refuse();
"""


@pytest.fixture(scope="module")
def server():
    """Yield a running server."""
    with running() as found:
        yield found


def prepared(server, files, directory, database):
    """Return a function that runs the entry script on a new database with TimescaleDB's functions."""
    sql = {path: item for path, item in files.items() if path.startswith("sql/")}
    write(sql, directory)
    for path in directory.glob("sql/*.sql"):
        text = re.sub("CREATE EXTENSION IF NOT EXISTS .*;", "", path.read_text(encoding="utf-8"))
        text = re.sub(
            r"ALTER TABLE (\w+) SET \(\s*timescaledb.*?\);",
            r"SELECT compressed('\1');",
            text,
            flags=re.DOTALL,
        )
        path.write_text(text, encoding="utf-8")
    server.ask("postgres", f'CREATE DATABASE "{database}"')
    server.ask(database, TIMESCALEDB)
    names = re.findall(r"\$\{(\w+_URL):\?", sql["sql/apply.sh"].text)
    environment = {"PATH": os.environ["PATH"], **dict.fromkeys(names, server.url(database))}

    def run():
        command = ["sh", directory / "sql/apply.sh"]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


INDEXES = """
SELECT indrelid::regclass || ' ' || indisvalid || ' ' || array_to_string(ARRAY(
  SELECT attname FROM pg_attribute WHERE attrelid = indexrelid ORDER BY attnum), ',')
FROM pg_index WHERE indexrelid::regclass::text LIKE 'idx%' ORDER BY 1
"""


def test_tables_hypertables_indexes_and_policies_in_order_twice(server, tmp_path):
    run = prepared(server, rendered(PLAN), tmp_path, "fleet")
    assert "No table owners here yet" in run()
    assert server.ask("fleet", INDEXES) == ["readings true device,time"]
    assert server.ask("fleet", "SELECT kind, after FROM played.policies ORDER BY kind") == [
        "compress|3 days",
        "enabled|",
        "retain|60 days",
    ]
    server.ask("fleet", "CREATE TABLE owners (mail text); INSERT INTO owners VALUES ('a'), ('a')")
    assert "No table" not in run()
    assert server.ask("fleet", INDEXES) == ["owners true mail", "readings true device,time"]
    before = server.ask("fleet", "SELECT oid FROM pg_class WHERE relkind = 'i' ORDER BY 1")
    run()
    assert server.ask("fleet", "SELECT oid FROM pg_class WHERE relkind = 'i' ORDER BY 1") == before


def test_an_index_whose_build_failed_is_built_again(server, tmp_path):
    run = prepared(server, rendered(PLAN), tmp_path, "broken")
    server.ask("broken", "CREATE TABLE owners (mail text); INSERT INTO owners VALUES ('a'), ('a')")
    with pytest.raises(AssertionError, match="duplicat"):
        server.ask("broken", "CREATE UNIQUE INDEX CONCURRENTLY idx_owners_mail ON owners (mail)")
    assert "owners false mail" in server.ask("broken", INDEXES)
    run()
    assert "owners true mail" in server.ask("broken", INDEXES)


@pytest.mark.parametrize("name", ["llm-governance", "llm-observatory"])
def test_the_sql_of_examples_runs_twice(name, server, tmp_path):
    run = prepared(server, example(name), tmp_path, name)
    run()
    run()
    assert server.ask(name, "SELECT count(*) FROM played.hypertables") == ["1"]


PG_CRON = """
CREATE SCHEMA cron;
CREATE TABLE cron.jobs (name text PRIMARY KEY, at text, command text, place text);
CREATE FUNCTION cron.schedule_in_database(n text, a text, c text, p text) RETURNS void LANGUAGE sql AS
  'INSERT INTO cron.jobs VALUES (n, a, c, p) ON CONFLICT (name) DO UPDATE SET at = a, command = c, place = p';
"""


def test_the_apache_edition_gets_no_policies_and_drops_old_rows_by_a_job(server, tmp_path):
    run = prepared(server, example("llm-observatory", "azure"), tmp_path, "azure")
    server.ask("postgres", PG_CRON)
    run()
    run()
    assert server.ask("azure", "SELECT count(*) FROM played.policies") == ["0"]
    assert server.ask("postgres", "SELECT name, command, place FROM cron.jobs") == [
        "drop azure.metrics|SELECT drop_chunks('metrics', INTERVAL '90 days')|azure"
    ]


def test_names_of_indexes_stay_within_postgresqls_limit():
    columns = [f"a_rather_long_name_of_column_{n}" for n in range(4)]
    names = set()
    for last in ("x", "y"):
        index = {"table": "owners", "columns": [*columns, last]}
        text = rendered(PLAN, f"manifests.indexes={[index]}".replace("'", ""))["sql/store-indexes.sql"].text
        names.update(re.findall(r"IF NOT EXISTS (\w+) ON", text))
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)


def test_indexes_need_a_postgresql():
    with pytest.raises(InputError, match="no database of that engine"):
        rendered(PLAN, "databases.store.engine=mysql", "databases.store.time_series={}")
