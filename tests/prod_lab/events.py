"""A service outside Kubernetes: ``python -m tests.prod_lab.events CLIENTS COUNT``.

Writes events as workflow-engine and reads them as analytics-service, with what ``ops client`` wrote into folders of
CLIENTS; prints the brokers it was told of, and the ids that it wrote and read.
"""

import json
import sys
from pathlib import Path

from confluent_kafka.admin import AdminClient

from pyairtable_events.bus import EventBus, event_bus
from pyairtable_events.redrive import read_to_end
from pyairtable_events.settings import from_environment
from tests.e2e.harness import configuration, variables
from tests.events import WORKFLOWS, completed

WRITER, READER = "workflow-engine", "analytics-service"


def bus(clients: Path, service: str) -> EventBus:
    return event_bus(from_environment({**variables(clients / service), "EVENT_BUS_SERVICE": service}))


def main(clients: Path, count: int) -> None:
    found = AdminClient(configuration(clients / WRITER / "librdkafka.conf")).list_topics(timeout=30)
    writing, events = bus(clients, WRITER), [completed(number) for number in range(count)]
    for event in events:
        writing.publish(WORKFLOWS, event)
    writing.close()
    reading = bus(clients, READER)
    written = {str(event.id) for event in events}
    read = [
        str(reading.serde.decode(record).id)
        for record in read_to_end(reading, WORKFLOWS)
        if record.header("ce_id") in written
    ]
    reading.close()
    document = {
        "brokers": sorted(f"{broker.host}:{broker.port}" for broker in found.brokers.values()),
        "written": sorted(written),
        "read": sorted(read),
    }
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
