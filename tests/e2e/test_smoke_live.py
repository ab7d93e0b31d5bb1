"""The smoke test of a stack whose services are at work, on a broker of the test's own. Needs java, and no lab."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from ops import smoke as smoking
from ops.failure import Failure
from ops.smoke import LIVE, SmokeResult, smoke
from tests.e2e.broker import running
from tests.outputs import outputs

pytestmark = pytest.mark.broker


def records(address: str, level: str) -> int:
    """How many records a consumer of an isolation level finds in the whole topic."""
    group = {"bootstrap.servers": address, "group.id": level, "isolation.level": level, "enable.partition.eof": True}
    consumer = Consumer(group)
    try:
        partitions = consumer.list_topics(LIVE.topic, timeout=20).topics[LIVE.topic].partitions
        consumer.assign([TopicPartition(LIVE.topic, partition, 0) for partition in partitions])
        found, ends = 0, 0
        while ends < len(partitions):
            for message in consumer.consume(500, 1.0):
                if message.error():
                    ends += 1
                else:
                    found += 1
        return found
    finally:
        consumer.close()


def test_what_is_sent_comes_back_and_no_service_ever_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is one without TLS, hence the settings and the last check are not the platform's."""
    with running(tmp_path) as address:
        stack = outputs(LIVE.producer, LIVE.consumer, bootstrap_servers=address)
        monkeypatch.setattr(smoking, "scram_settings", lambda *_: {"bootstrap.servers": address})
        with pytest.raises(Failure, match="answers in plaintext"):
            smoke(stack, LIVE, records=20)
        monkeypatch.setattr(smoking, "refuses_plaintext", lambda _: True)
        result = smoke(stack, LIVE, records=20)
        assert isinstance(result, SmokeResult)
        assert result.records == 20
        assert records(address, "read_uncommitted") == 40
        assert records(address, "read_committed") == 0
