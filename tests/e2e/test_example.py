"""The example service on the dev stack: SCRAM over TLS, the schema registry, an outbox, a saga and its orchestrator."""

import re
import sys
from collections import Counter

import pytest
from psycopg.conninfo import conninfo_to_dict

from ops.throwaway_postgres import running
from tests.e2e.harness import Platform, run

pytestmark = pytest.mark.e2e

ENDS = re.compile(r"(Saga(?:Completed|Compensated|Failed))")


def test_one_request_succeeds_and_one_is_taken_back(platform: Platform) -> None:
    for service in ("workflow-engine", "saga-orchestrator"):
        platform.client(service)
    with running() as dsn:
        found = conninfo_to_dict(dsn)
        database = {f"PG{name.upper()}": str(found[name]) for name in ("host", "port", "user")}
        environment = {**database, "PGDATABASE": str(found["dbname"]), "PYTHONPATH": "clients/pyairtable_events"}
        done = run(
            *(sys.executable, "-m", "examples.run_workflow", "--clients", str(platform.clients)),
            environment=environment,
            timeout=180,
        )
    assert Counter(ENDS.findall(done.out)) == {"SagaCompleted": 1, "SagaCompensated": 1}
    effects = re.findall(r"^\w+: done \d+, undone \d+$", done.out, re.MULTILINE)
    assert effects == ["generate: done 2, undone 1", "reserve: done 2, undone 1", "write: done 1, undone 0"]
