"""What kubelets say of a stack's pods, by way of the API server: no metrics server is needed."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from advice.components import path_of
from advice.window import ContainerSample, NetworkSample, PodSample
from config.platform import PlatformSpec
from config.target import Target
from ops.failure import Failure
from toolchain.cache import Missing
from toolchain.programs import program


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """Kubernetes' own command: it knows every way in which a kubeconfig gets its credential."""

    command: Path
    target: Target

    @classmethod
    def of(cls, target: Target) -> "Kubectl":
        """Find the command, the lab's own first where the stack is on it; raises Failure."""
        found = shutil.which("kubectl")
        if target.is_lab or found is None:
            try:
                found = str(program("kubectl"))
            except Missing:
                if found is None:
                    raise Failure("there is no kubectl program", "install it") from None
        return cls(command=Path(found), target=target)

    def get(self, path: str, timeout: float = 20.0) -> Any:
        """Return the document at a path of the API; raises Failure with what the server said."""
        where = ("--kubeconfig", str(self.target.kubeconfig), "--context", self.target.context)
        arguments = [str(self.command), *where, f"--request-timeout={timeout:g}s", "get", "--raw", path]
        try:
            done = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout + 10
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"Kubernetes doesn't answer {path} in {timeout:g} s") from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise Failure(f"Kubernetes doesn't answer {path}: {lines[-1].removeprefix('Error from server ')}")
        return json.loads(done.stdout)


def sample(kubectl: Kubectl, platform: PlatformSpec) -> tuple[PodSample, tuple[str, ...]]:
    """Ask the kubelets of all nodes with pods of the stack; return what they say, and who doesn't and why.

    Raises Failure when the API server doesn't answer.
    """
    namespace = platform.kubernetes.namespace
    pods = kubectl.get(f"/api/v1/namespaces/{quote(namespace)}/pods")["items"]
    nodes = sorted({node for pod in pods if (node := pod["spec"].get("nodeName"))})
    summaries: list[Mapping[str, Any]] = []
    unknown: list[str] = []
    for node in nodes:
        path = f"/api/v1/nodes/{quote(node)}/proxy/stats/summary"
        try:
            try:
                summaries.append(kubectl.get(path))
            except Failure as error:
                # A kubelet that doesn't know its own file system gives no network either, but this.
                summaries.append(kubectl.get(f"{path}?only_cpu_and_memory=true"))
                unknown.append(f"network of node {node}: {error.problem}")
        except Failure as error:
            unknown.append(f"pods on node {node}: {error.problem}; reading nodes/proxy must be allowed")
    return parse(platform, pods, summaries), tuple(unknown)


def parse(
    platform: PlatformSpec, pods: Sequence[Mapping[str, Any]], summaries: Sequence[Mapping[str, Any]]
) -> PodSample:
    """Read the API's pods, and kubelets' summaries of the nodes they are on."""
    labels = {pod["metadata"]["name"]: pod["metadata"].get("labels") or {} for pod in pods}
    containers: list[ContainerSample] = []
    networks: list[NetworkSample] = []
    for summary in summaries:
        for pod in summary.get("pods") or ():
            reference = pod["podRef"]
            name = reference["name"]
            if reference["namespace"] != platform.kubernetes.namespace or name not in labels:
                continue
            said = pod.get("containers") or ()
            paths = {each["name"]: path_of(platform, labels[name], each["name"]) for each in said}
            containers += [
                _container(path, name, each)
                for each in said
                if (path := paths[each["name"]]) is not None and "time" in each.get("cpu", {})
            ]
            network, first = pod.get("network") or {}, next((path for path in paths.values() if path), None)
            if first is not None and {"time", "rxBytes", "txBytes"} <= network.keys():
                networks.append(
                    NetworkSample(
                        path=first,
                        pod=name,
                        at=seconds(network["time"]),
                        received=network["rxBytes"],
                        sent=network["txBytes"],
                    )
                )
    return PodSample(containers=tuple(containers), networks=tuple(networks))


def _container(path: str, pod: str, said: Mapping[str, Any]) -> ContainerSample:
    used, memory = said["cpu"].get("usageCoreNanoSeconds"), said.get("memory") or {}
    return ContainerSample(
        path=path,
        pod=pod,
        at=seconds(said["cpu"]["time"]),
        started=seconds(said["startTime"]) if "startTime" in said else None,
        cpu_seconds=None if used is None else used / 1e9,
        working_set=memory.get("workingSetBytes"),
        resident=memory.get("rssBytes"),
    )


def seconds(text: str) -> float:
    """Return a moment as the API writes it, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
