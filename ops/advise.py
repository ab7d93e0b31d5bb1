"""``ops advise``: watches a running stack for a while, then says what of it is too small or too large."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from advice.advise import Findings, advise
from advice.change import amount, span
from advice.components import components
from advice.figures import broker_sizes, containers, network, produced, topic_sizes
from advice.window import LogSample, PodSample, Window
from config.platform import PlatformSpec
from cost.prices import load_prices
from ops.cost import priced_platform
from ops.failure import Failure
from ops.kubelet import Kubectl
from ops.kubelet import sample as pod_sample
from ops.log_samples import Logs
from ops.outputs import read_outputs
from ops.progress import Reporter
from ops.stack import Engine
from ops.target import TargetError, running_target

_EVERY: Final = 10.0
"""Seconds between two samples of pods in a short window; a kubelet measures about as often."""
_POD_SAMPLES: Final = 360
"""Most samples of pods: a longer window has them farther apart."""
_LOG_SAMPLES: Final = 13
"""Most samples of logs, which a cluster of many partitions fills memory with."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen, and what follows."""

    platform: PlatformSpec
    window: Window
    findings: Findings

    def document(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            **self.findings.model_dump(mode="json"),
            "watched_seconds": round(self.window.seconds, 1),
            "seen": {
                "containers": _containers(self.window),
                "brokers": [
                    {"id": broker, "bytes": size} for broker, size in sorted(broker_sizes(self.window).items())
                ],
                "topics": _topics(self.window),
                "groups": _groups(self.window),
            },
        }


def observe(engine: Engine, reporter: Reporter, length: timedelta) -> Observation:
    """Watch a stack that is up. Raises Failure when it isn't, or neither Kafka nor Kubernetes can be asked."""
    platform = priced_platform(engine.workspace)
    logs = Logs(read_outputs(engine), (topic.name for topic in platform.topics))
    window = watch(engine, platform, logs, reporter, length.total_seconds())
    return Observation(platform=platform, window=window, findings=advise(platform, window, load_prices()))


def watch(engine: Engine, platform: PlatformSpec, logs: Logs, reporter: Reporter, seconds: float) -> Window:
    """Take samples for so many seconds."""
    pods_seen: list[PodSample] = []
    logs_seen: list[LogSample] = []
    unknown: dict[str, None] = {}
    kubectl = None
    try:
        kubectl = Kubectl.of(running_target(engine))
    except (Failure, TargetError) as error:
        unknown[f"processor and memory of all pods: {error}"] = None

    def look(at_logs: bool) -> None:
        if at_logs:
            found, missing = logs.sample()
            logs_seen.append(found)
            unknown.update(dict.fromkeys(missing))
        if kubectl is not None:
            try:
                pods, missing = pod_sample(kubectl, platform)
                pods_seen.append(pods)
                unknown.update(dict.fromkeys(missing))
            except Failure as error:
                unknown[f"processor and memory of all pods: {error}"] = None

    moments = schedule(seconds)
    every = max(1, len(moments) // (_LOG_SAMPLES - 1))
    begin = time.monotonic()
    with reporter.live(f"watching for {span(seconds)}"):
        for number, moment in enumerate(moments):
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            look(number % every == 0 or number == len(moments) - 1)
            if number == 0:
                reporter.say(f"watching stack {platform.stack} for {span(seconds)}")
            else:
                reporter.update(f"watched {span(moment)} of {span(seconds)}")
    return Window(
        seconds=time.monotonic() - begin, pods=tuple(pods_seen), logs=tuple(logs_seen), unknown=tuple(unknown)
    )


def schedule(seconds: float) -> list[float]:
    """Return when samples are taken, in seconds from the beginning: the first at once, the last at the end."""
    count = max(1, min(_POD_SAMPLES, int(seconds // _EVERY)))
    return [seconds * number / count for number in range(count + 1)]


def _containers(window: Window) -> list[dict[str, Any]]:
    traffic = network(window)
    return [
        {
            "path": path,
            "cpu_mean": its.cpu and round(its.cpu.mean, 4),
            "cpu_peak": its.cpu and round(its.cpu.peak, 4),
            "working_set": its.working_set,
            "resident": its.resident,
            "received_per_second": round(traffic[path][0].mean) if path in traffic else None,
            "sent_per_second": round(traffic[path][1].mean) if path in traffic else None,
        }
        for path, its in sorted(containers(window).items())
    ]


def _topics(window: Window) -> list[dict[str, Any]]:
    sizes = topic_sizes(window.logs[-1]) if window.logs else {}
    return [
        {
            "name": name,
            "bytes": sizes.get(name, 0),
            "bytes_per_second_mean": round(usage.mean, 1),
            "bytes_per_second_peak": round(usage.peak, 1),
        }
        for name, usage in sorted(produced(window).items())
        if not name.startswith("__")
    ]


def _groups(window: Window) -> list[dict[str, Any]]:
    last = window.logs[-1].groups if window.logs else {}
    return [
        {"group": group, "topic": topic, "lag": its.lag, "members": its.members}
        for (group, topic), its in sorted(last.items())
    ]


def show(seen: Observation, console: Console) -> None:
    """Print figures and advice for people."""
    found, figures = seen.findings, containers(seen.window)
    table = Table("containers", "cpu request", "mean", "peak", "memory", "resident", "working set", box=None)
    for component in components(seen.platform):
        if its := figures.get(component.path):
            table.add_row(
                component.path,
                component.resources.cpu,
                *(("-", "-") if its.cpu is None else (f"{its.cpu.mean:.2f}", f"{its.cpu.peak:.2f}")),
                amount(component.resources.memory),
                "-" if its.resident is None else amount(its.resident),
                "-" if its.working_set is None else amount(its.working_set),
            )
    console.print(table)
    for each in found.advice:
        price = "no price" if each.monthly is None else f"{each.monthly:+,.2f} {found.currency} a month"
        console.print(
            f"{each.path}: {each.current} => {each.advised} ({price}, confidence {each.confidence})",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
        console.print(f"      {each.reason}", markup=False, soft_wrap=True)
    for name, sentences in (("note", found.notes), ("not seen", found.unknown)):
        for sentence in sentences:
            console.print(f"{name}: {sentence}", markup=False, soft_wrap=True)
    together = "" if not found.monthly else f", together {found.monthly:+,.2f} {found.currency} a month"
    count = len(found.advice) or "no"
    changes = "change is" if count == 1 else "changes are"
    console.print(
        f"stack {found.stack}: {count} {changes} advised after {span(seen.window.seconds)}{together}", soft_wrap=True
    )
