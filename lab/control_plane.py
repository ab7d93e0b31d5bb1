"""The control plane: etcd, API server, controller manager, scheduler, cluster DNS, volumes and load balancers.

All of it runs in one network namespace, each program with an identity of its own.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab import network
from lab.paths import Layout
from lab.pki import Pki
from lab.plan import API_PORT, CLUSTER_DOMAIN, CONTROL_NETNS, CONTROL_PLANE, SERVICE_NETWORK
from lab.process import Daemon
from lab.tools import environment, tool

ETCD_CLIENT: Final = "http://127.0.0.1:2379"
ETCD_PEER: Final = "http://127.0.0.1:2380"

DNS_READY_PORT: Final = 8181
"""Where CoreDNS tells over HTTP that it serves."""

ETCD: Final = "etcd"
API_SERVER: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"
DNS: Final = "coredns"
PROVISIONER: Final = "lab-provisioner"
BALANCERS: Final = "lab-balancers"

PROGRAMS: Final = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, DNS, PROVISIONER)
"""Those that the toolchain has."""
NAMES: Final = (*PROGRAMS, BALANCERS)

_CHECKOUT: Final = Path(__file__).parent.parent

UNUSED_CONTROLLERS: Final = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "cloud-node-lifecycle-controller",
    "device-taint-eviction-controller",
    "endpointslice-mirroring-controller",
    "kube-apiserver-serving-clustertrustbundle-publisher-controller",
    "legacy-serviceaccount-token-cleaner-controller",
    "node-ipam-controller",
    "node-route-controller",
    "persistentvolume-attach-detach-controller",
    "podcertificaterequest-cleaner-controller",
    "replicationcontroller-controller",
    "resourceclaim-controller",
    "service-cidr-controller",
    "service-lb-controller",
    "storage-version-migrator-controller",
    "storageversion-garbage-collector-controller",
    "ttl-controller",
    "volumeattributesclass-protection-controller",
)
"""Controllers for what the lab doesn't have, or has itself: clouds, certificate requests, devices, volumes that are
attached, load balancers."""


def etcd_flags(layout: Layout) -> list[str]:
    """Return etcd's flags.

    Without fsync a start is seconds faster and an idle lab writes little. What is at stake after a power failure is a
    lab's state, which a new start makes again; an ordinary stop loses nothing.
    """
    return [
        f"--data-dir={layout.etcd}",
        f"--listen-client-urls={ETCD_CLIENT}",
        f"--advertise-client-urls={ETCD_CLIENT}",
        f"--listen-peer-urls={ETCD_PEER}",
        f"--initial-advertise-peer-urls={ETCD_PEER}",
        f"--initial-cluster=default={ETCD_PEER}",
        "--unsafe-no-fsync",
        # One member has nobody to send heartbeats to; the default wakes it twice as often.
        "--heartbeat-interval=200",
        "--election-timeout=1000",
        "--log-level=warn",
        "--logger=zap",
    ]


def api_server_flags(pki: Pki) -> list[str]:
    """Return the API server's flags."""
    return [
        f"--etcd-servers={ETCD_CLIENT}",
        f"--secure-port={API_PORT}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={CONTROL_PLANE}",
        f"--tls-cert-file={pki.certificate('apiserver')}",
        f"--tls-private-key-file={pki.key('apiserver')}",
        f"--client-ca-file={pki.certificate('ca')}",
        f"--token-auth-file={pki.tokens}",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-certificate-authority={pki.certificate('ca')}",
        f"--kubelet-client-certificate={pki.certificate('apiserver-kubelet-client')}",
        f"--kubelet-client-key={pki.key('apiserver-kubelet-client')}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki.key('service-accounts')}",
        f"--service-account-signing-key-file={pki.key('service-accounts')}",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--allow-privileged=true",
        "--enable-priority-and-fairness=false",
        "--etcd-count-metric-poll-period=0",
        "--etcd-db-metric-poll-interval=0",
        "--profiling=false",
    ]


def controller_manager_flags(pki: Pki) -> list[str]:
    """Return the controller manager's flags; a lost node is noticed after 20 s."""
    return [
        f"--kubeconfig={pki.kubeconfig('controller-manager')}",
        f"--service-account-private-key-file={pki.key('service-accounts')}",
        f"--root-ca-file={pki.certificate('ca')}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
        f"--controllers=*,{','.join(f'-{name}' for name in UNUSED_CONTROLLERS)}",
        "--node-monitor-period=5s",
        "--node-monitor-grace-period=20s",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--concurrent-gc-syncs=5",
        "--bind-address=127.0.0.1",
        "--profiling=false",
    ]


def scheduler_flags(pki: Pki) -> list[str]:
    """Return the scheduler's flags."""
    return [
        f"--kubeconfig={pki.kubeconfig('scheduler')}",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--bind-address=127.0.0.1",
        "--profiling=false",
    ]


def corefile(pki: Pki) -> str:
    """Return CoreDNS's configuration.

    There is nobody to forward to: the root zone is served as well, so that a name outside the cluster is answered at
    once with NXDOMAIN. The cluster's names come from memory, and a cache would keep saying that a new pod isn't there.
    """
    return f"""\
.:53 {{
    errors
    ready {CONTROL_PLANE}:{DNS_READY_PORT}
    kubernetes {CLUSTER_DOMAIN} . {{
        kubeconfig {pki.kubeconfig("coredns")}
        pods insecure
        ttl 5
    }}
}}
"""


def corefile_path(layout: Layout) -> Path:
    """Return where CoreDNS's configuration is written."""
    return layout.root / "Corefile"


def daemon(name: str, layout: Layout, pki: Pki) -> Daemon:
    """Return how one of NAMES is run."""
    flags: dict[str, Sequence[str]] = {
        ETCD: etcd_flags(layout),
        API_SERVER: api_server_flags(pki),
        CONTROLLER_MANAGER: controller_manager_flags(pki),
        SCHEDULER: scheduler_flags(pki),
        DNS: [f"-conf={corefile_path(layout)}"],
        PROVISIONER: [f"--kubeconfig={pki.kubeconfig('provisioner')}", f"--root={layout.volumes}"],
        BALANCERS: ["-P", "-m", "lab.balancer_controller", f"--kubeconfig={pki.kubeconfig('balancers')}"],
    }
    program: str | Path = sys.executable if name == BALANCERS else tool(name)
    return Daemon(
        name=name,
        command=[*network.enter(CONTROL_NETNS), program, *flags[name]],
        environment={**environment(), **({"PYTHONPATH": str(_CHECKOUT)} if name == BALANCERS else {})},
    )
