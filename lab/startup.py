"""A start of the lab as steps that run side by side."""

import http.client
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lab import cgroups, container_runtime, control_plane, machine, machine_images, network, objects, template
from lab.api import Api
from lab.errors import LabError, Unanswered
from lab.machine_record import record
from lab.paths import Layout
from lab.pki import Pki
from lab.plan import CONTROL_PLANE, Machine
from lab.process import Processes
from lab.status import expected, ready_nodes
from lab.steps import Cancel, Report, Step, run


def bring_up(
    files: Layout, machines: Sequence[Machine], archives: Sequence[Path], cancel: Cancel, report: Report
) -> None:
    """Make and start what of the lab is missing, until all nodes take pods."""
    files.root.mkdir(parents=True, exist_ok=True)
    files.root.chmod(0o700)
    record(files, machines)
    files.volumes.mkdir(exist_ok=True)
    _make_mount_points(files, machines[0])
    start = _Start(files, machines, archives, cancel, report)
    run(start.steps(), cancel)
    for name in expected(machines):
        start.processes.check(name)


def add_images(
    files: Layout, machines: Sequence[Machine], archives: Sequence[Path], cancel: Cancel, report: Report
) -> None:
    """Give the machines of a running lab the images that they lack, one machine beside the other."""
    images = template.by_digest(archives)
    run(
        [
            Step(
                name=place.name,
                action=partial(machine_images.complete, place, files.machine(place), images, cancel, report),
            )
            for place in machines
        ],
        cancel,
    )


def _make_mount_points(files: Layout, any_machine: Machine) -> None:
    """Make the directories that machines mount over, noting first which ones, so that a stop removes exactly those."""
    noted = set(files.mount_points.read_text().split()) if files.mount_points.exists() else set()
    needed = [network.NAMESPACES, *files.machine(any_machine).private()]
    made = noted | {str(point) for point in needed if not point.exists()}
    files.mount_points.write_text("\n".join(sorted(made)))
    for point in needed:
        point.mkdir(parents=True, exist_ok=True)


class _Start:
    """One start: what its steps share."""

    def __init__(
        self, files: Layout, machines: Sequence[Machine], archives: Sequence[Path], cancel: Cancel, report: Report
    ) -> None:
        self.files = files
        self.machines = machines
        self.images = template.by_digest(archives)
        self.cancel = cancel
        self.report = report
        self.pki = Pki(files, machines)
        self.processes = Processes(files)
        self.template = Path()
        self.since: dict[str, str] = {}

    def steps(self) -> list[Step]:
        """Return the start as steps with what each must wait for."""
        steps = [
            Step(name="cgroups", action=lambda: cgroups.prepare(self.machines)),
            Step(name="network", action=lambda: network.ensure(self.machines)),
            Step(name="pki", action=self.pki.ensure),
            Step(name="images", action=self.unpack),
            Step(name="etcd", action=lambda: self.launch(control_plane.ETCD), after=["network"]),
            Step(name="api", action=self.serve, after=["etcd", "pki"]),
            Step(name="objects", action=lambda: objects.apply(self.api()), after=["api"]),
            Step(name="controllers", action=lambda: self.launch(control_plane.CONTROLLER_MANAGER), after=["api"]),
            Step(name="scheduler", action=lambda: self.launch(control_plane.SCHEDULER), after=["api"]),
            Step(name="dns", action=self.resolve, after=["objects"]),
            Step(name="volumes", action=lambda: self.launch(control_plane.PROVISIONER), after=["objects"]),
            Step(name="balancers", action=lambda: self.launch(control_plane.BALANCERS), after=["objects"]),
        ]
        joins = [f"join {place.name}" for place in self.machines]
        for place, join in zip(self.machines, joins, strict=True):
            contain = f"contain {place.name}"
            steps += [
                Step(
                    name=contain,
                    action=partial(self.contain, place),
                    after=["cgroups", "network", "pki", "images"],
                ),
                Step(name=join, action=partial(self.join, place), after=["api", contain]),
            ]
        return [*steps, Step(name="nodes", action=self.wait_nodes, after=["controllers", *joins])]

    def api(self) -> Api:
        """Return a client of the API server."""
        return Api(self.files.kubeconfig)

    def unpack(self) -> None:
        """Make the template of the machines' containerd roots."""
        self.template = template.ensure(self.images, self.processes, self.cancel, self.report)

    def launch(self, name: str) -> None:
        """Start one program of the control plane."""
        self.cancel.check()
        self.processes.start(control_plane.daemon(name, self.files, self.pki))

    def serve(self) -> None:
        """Start the API server and wait until it is ready."""
        self.launch(control_plane.API_SERVER)
        api = self.api()

        def ready() -> bool:
            self.processes.check(control_plane.ETCD)
            self.processes.check(control_plane.API_SERVER)
            return api.ready()

        self.cancel.wait_for("the start of the API server", ready, timeout=120)
        self.report("the API server answers")

    def resolve(self) -> None:
        """Start cluster DNS and wait until it answers."""
        control_plane.corefile_path(self.files).write_text(control_plane.corefile(self.pki))
        self.launch(control_plane.DNS)

        def ready() -> bool:
            self.processes.check(control_plane.DNS)
            connection = http.client.HTTPConnection(str(CONTROL_PLANE), control_plane.DNS_READY_PORT, timeout=2)
            try:
                connection.request("GET", "/ready")
                return connection.getresponse().status == http.HTTPStatus.OK
            except OSError:
                return False
            finally:
                connection.close()

        self.cancel.wait_for("the start of cluster DNS", ready, timeout=60)

    def contain(self, place: Machine) -> None:
        """Start a machine's containerd; a machine whose namespace is gone starts afresh."""
        self.cancel.check()
        name = machine.process_name(machine.HOLDER, place)
        files = self.files.machine(place)
        holder = self.processes.find(name) if files.isolated.exists() else None
        containerd = machine.process_name(machine.CONTAINERD, place)
        if holder is None:
            machine.end_all(place, self.processes)
            shutil.rmtree(files.root, ignore_errors=True)
            machine.write_configuration(place, self.files, self.pki)
            template.clone(self.template, files.containerd)
            machine_images.record(files, self.images)
            self.processes.start(machine.holder(place))
            holder = self.processes.find(name)
            if holder is None:
                raise LabError(f"{name} ended: {self.processes.last_words(name)}")
            machine.isolate(place, self.files, holder, self.cancel)
        if not self.processes.take_up(containerd):
            files.socket.unlink(missing_ok=True)
        self.processes.start(machine.daemon(machine.CONTAINERD, place, self.files, self.pki, holder))

        def ready() -> bool:
            self.processes.check(containerd)
            return files.socket.exists() and container_runtime.serves(files.socket)

        self.cancel.wait_for(f"the start of {containerd}", ready, timeout=60)
        machine_images.complete(place, files, self.images, self.cancel, self.report)

    def join(self, place: Machine) -> None:
        """Start a machine's kubelet and kube-proxy."""
        self.cancel.check()
        holder = self.processes.find(machine.process_name(machine.HOLDER, place))
        if holder is None:
            raise LabError(f"{place.name} ended while it was started; see `python -m lab logs`")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self.processes.start(machine.daemon(machine.KUBELET, place, self.files, self.pki, holder)):
            self.since[place.name] = now
        self.processes.start(machine.daemon(machine.PROXY, place, self.files, self.pki, holder))

    def wait_nodes(self) -> None:
        """Wait until every node takes pods."""
        ready = partial(self.ready_nodes, self.api())
        wait_together({place.name for place in self.machines}, ready, self.cancel, self.report)

    def ready_nodes(self, api: Api) -> set[str]:
        """Return the nodes that take pods: none while the API server is late with its answer."""
        for place in self.machines:
            self.processes.check(machine.process_name(machine.KUBELET, place))
        try:
            return ready_nodes(api, self.since)
        except Unanswered:
            self.processes.check(control_plane.API_SERVER)
            return set()


def wait_together(names: set[str], ready: Callable[[], set[str]], cancel: Cancel, report: Report) -> None:
    """Wait until all nodes are ready at one moment, and report each when it's ready the first time.

    A controller manager that has seen a node late may taint it again, and takes that back at its next look, five
    seconds later.
    """
    said: set[str] = set()

    def together() -> bool:
        now = ready()
        for name in sorted(now - said):
            said.add(name)
            report(f"{name} is ready")
        return now >= names

    cancel.wait_for(f"all {len(names)} nodes ready", together, timeout=180, poll=0.1)
