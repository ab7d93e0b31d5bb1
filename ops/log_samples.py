"""What the brokers hold at one moment: sizes, offsets, lags, as admin."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from advice.window import DiskSample, GroupSample, LogSample, PartitionSample
from ops.kafka import TIMEOUT, refusals, scram_settings
from ops.kafka_wire import WireError, connected
from ops.log_dirs import LogDirs, describe_log_dirs
from ops.outputs import Outputs


class Logs:
    """Samples one stack's brokers."""

    def __init__(self, outputs: Outputs, topics: Iterable[str]) -> None:
        self._outputs = outputs
        self._topics = frozenset(topics)
        """Whose offsets are asked for; of all others, the brokers' own among them, the sizes count."""
        self._admin = AdminClient(scram_settings(outputs, outputs.admin))

    def sample(self) -> tuple[LogSample, tuple[str, ...]]:
        """Ask all brokers; return what there is, and who doesn't answer and why. Raises Failure without any answer."""
        with refusals(self._outputs.bootstrap_servers):
            nodes = self._admin.describe_cluster(request_timeout=TIMEOUT).result().nodes
            partitions = [
                TopicPartition(name, number)
                for name, topic in self._admin.list_topics(timeout=TIMEOUT).topics.items()
                if name in self._topics
                for number in topic.partitions
            ]
            begins, ends = (self._offsets(partitions, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
            at = time.time()
            groups, unknown = self._groups(begins, ends)
        with ThreadPoolExecutor(8) as pool:
            answers = dict(zip((node.id for node in nodes), pool.map(self._log_dirs, nodes), strict=True))
        sizes: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        disks: dict[int, DiskSample] = {}
        for broker, found in answers.items():
            if isinstance(found, str):
                unknown.append(f"log directories of broker {broker}: {found}")
                continue
            disks[broker] = DiskSample(total=found.total, usable=found.usable)
            for key, size in found.sizes.items():
                sizes[key][broker] = size
        there = {
            key: PartitionSample(begin=begins.get(key, 0), end=ends.get(key, 0), sizes=sizes.get(key, {}))
            for key in {*ends, *sizes}
        }
        return LogSample(at=at, partitions=there, disks=disks, groups=groups), tuple(unknown)

    def _log_dirs(self, node: Any) -> LogDirs | str:
        outputs = self._outputs
        try:
            with connected(node.host, node.port, outputs.ca_pem, outputs.admin, TIMEOUT) as connection:
                return describe_log_dirs(connection)
        except (WireError, OSError) as error:
            return f"{node.host}:{node.port}: {error}"

    def _offsets(self, partitions: list[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        """Return offsets by topic and partition; a partition without a leader has none."""
        if not partitions:
            return {}
        found: dict[tuple[str, int], int] = {}
        asked = self._admin.list_offsets(dict.fromkeys(partitions, spec), request_timeout=TIMEOUT)
        for partition, future in asked.items():
            try:
                found[partition.topic, partition.partition] = int(future.result().offset)
            except KafkaException:
                continue
        return found

    def _groups(
        self, begins: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]
    ) -> tuple[dict[tuple[str, str], GroupSample], list[str]]:
        """Return lags and members by group and topic, and which groups can't be asked and why."""
        listed = self._admin.list_consumer_groups(request_timeout=TIMEOUT).result()
        names = sorted(group.group_id for group in listed.valid)
        if not names:
            return {}, []
        described = self._admin.describe_consumer_groups(names, request_timeout=TIMEOUT)
        # One group a request: the client takes no more.
        committed = {
            name: self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=TIMEOUT
            )[name]
            for name in names
        }
        found: dict[tuple[str, str], GroupSample] = {}
        unknown: list[str] = []
        for name in names:
            try:
                members = members_of(described[name].result())
                for topic, lag in lags(committed[name].result().topic_partitions, begins, ends).items():
                    found[name, topic] = GroupSample(lag=lag, members=members[topic])
            except KafkaException as error:
                unknown.append(f"group {name}: {error}")
        return found, unknown


def members_of(group: Any) -> Counter[str]:
    """Count a group's consumers by topic."""
    found: Counter[str] = Counter()
    for member in group.members:
        found.update({partition.topic for partition in member.assignment.topic_partitions})
    return found


def lags(
    committed: Iterable[Any], begins: Mapping[tuple[str, int], int], ends: Mapping[tuple[str, int], int]
) -> dict[str, int]:
    """Return how many records a group is behind by topic; what is deleted unread isn't waited for any more."""
    found: Counter[str] = Counter()
    for each in committed:
        key = (each.topic, each.partition)
        if key in ends and each.offset >= 0:
            found[each.topic] += max(0, ends[key] - max(each.offset, begins.get(key, 0)))
    return dict(found)
