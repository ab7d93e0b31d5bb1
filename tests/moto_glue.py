"""Glue's own check of versions, which moto lacks: of two updates that start from one version the second is refused.

Iceberg commits by it: without it a writer that adds a column takes back what another one has just committed.
"""

import threading

from moto.core.responses import ActionResult
from moto.glue.exceptions import GlueClientError
from moto.glue.responses import GlueResponse

_lock = threading.Lock()
_update = GlueResponse.update_table


def extend_glue() -> None:
    """Have moto's Glue compare ``VersionId`` of UpdateTable (AWS Glue API, «UpdateTable»)."""
    setattr(GlueResponse, _update.__name__, _compared)


def _compared(call: GlueResponse) -> ActionResult:
    wanted, name = call.parameters.get("VersionId"), call.parameters["TableInput"]["Name"]
    with _lock:
        if wanted is not None:
            found = call.glue_backend.get_table(call.parameters["DatabaseName"], name).as_dict()["VersionId"]
            if str(found) != wanted:
                raise GlueClientError(
                    "ConcurrentModificationException", f"Update table failed due to concurrent modifications: {name}"
                )
        return _update(call)
