"""A lake read by another tool than the one that wrote it."""

from collections import Counter
from typing import Final

from pyiceberg.table import StaticTable

_PATIENCE: Final = {"s3.connect-timeout": "60", "s3.request-timeout": "60"}
"""Seconds: a store that is moto, on a busy machine, has nothing to say for longer than the client's three."""


def event_ids(metadata: str, store: str, region: str, *, key: str, secret: str) -> Counter[str]:
    """Return how often each event's id is in the table of a metadata file, in a store with S3's protocol."""
    properties = {
        "s3.endpoint": store,
        "s3.region": region,
        "s3.access-key-id": key,
        "s3.secret-access-key": secret,
        **_PATIENCE,
    }
    table = StaticTable.from_metadata(metadata, properties=properties)
    found = table.scan(selected_fields=("envelope",)).to_arrow().to_pylist()
    return Counter(str(row["envelope"]["id"]) for row in found)
