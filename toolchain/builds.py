"""What is built from Go modules: a table, and the key that says when a build has become another one."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import versions
from toolchain.cache import Entry, digest
from toolchain.repairs import DELETION, Repair

MODULES: Final = Path(__file__).parent
"""Directory of our Go modules; each has a committed go.mod and go.sum."""

_RECIPE: Final = "1"
"""Raised when a build would come out differently with the same sources, flags and Go."""


@dataclass(frozen=True, kw_only=True)
class Borrowed:
    """A file that is taken as it is from a module which a go.mod of ours pins."""

    pinned_by: str
    """Our module whose go.mod names the version."""
    module: str
    """Path of the module that has the file."""
    file: str
    """The file's path inside that module."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One entry of the cache that is made by ``go build``."""

    name: str
    group: str
    module: str
    """Our Go module, a directory beside this file."""
    binaries: Mapping[str, str]
    """Name of each binary and the Go package that is its main; of several, each is named as its package's folder is."""
    linker: Mapping[str, str] = field(default_factory=dict)
    """Go string variables that the linker sets."""
    sources: tuple[str, ...] = ("go.mod", "go.sum", "*.go")
    """Patterns of the files the build is made of, below ``module``."""
    scripts: tuple[Borrowed, ...] = ()
    """Files that are put beside the binaries and made executable."""
    embedded: tuple[Borrowed, ...] = ()
    """Files that the sources embed; they are copied beside them for the build."""
    repair: Repair | None = None
    """A change of a module that ``module`` pins."""
    unchecked: tuple[str, ...] = ()
    """Module patterns the public checksum database does not know; go.sum alone vouches for them."""
    seconds: int
    """How long a first build takes on two cores, roughly; long ones start first."""

    @property
    def entry(self) -> Entry:
        """The entry of the cache that this build makes."""
        return Entry(self.name, self.key())

    def key(self, modules: Path = MODULES) -> str:
        """Digest of the recipe, the pinned Go release, the platform and every source file."""
        recipe = (_RECIPE, versions.GO, platform.system(), platform.machine(), self.name)
        flags = (repr(sorted(self.binaries.items())), repr(sorted(self.linker.items())))
        borrowed = tuple(repr(one) for one in (*self.scripts, *self.embedded))
        repair = () if self.repair is None else (repr(self.repair),)
        files: list[bytes | str] = []
        for file in self.files(modules):
            files += [str(file.relative_to(modules)), file.read_bytes()]
        return digest(*recipe, *flags, *borrowed, *repair, *files)

    def files(self, modules: Path = MODULES) -> list[Path]:
        """The source files, and the locks of the modules that files are borrowed from; tests are left out."""
        base = modules / self.module
        found = {file for pattern in self.sources for file in base.glob(pattern)}
        for one in (*self.scripts, *self.embedded):
            found |= {modules / one.pinned_by / "go.mod", modules / one.pinned_by / "go.sum"}
        return sorted(file for file in found if not file.name.endswith("_test.go"))


def _kubernetes_version() -> dict[str, str]:
    major, minor, _ = versions.KUBERNETES.split(".")
    return {
        f"{package}.{name}": value
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in {
            "gitVersion": f"v{versions.KUBERNETES}",
            "gitMajor": major,
            "gitMinor": minor,
            "gitTreeState": "clean",
        }.items()
    }


_PULUMI_SDK: Final = "github.com/pulumi/pulumi/sdk/v3"
_PULUMI: Final = ("github.com/pulumi/*",)

BUILDS: Final = (
    Build(
        name="pulumi-resource-kubernetes",
        group="pulumi",
        module="provider-kubernetes",
        binaries={"pulumi-resource-kubernetes": "."},
        linker={"main.version": versions.PULUMI_KUBERNETES},
        embedded=(
            Borrowed(
                pinned_by="provider-kubernetes",
                module="github.com/pulumi/pulumi-kubernetes/provider/v4",
                file="cmd/pulumi-resource-kubernetes/schema.json",
            ),
        ),
        repair=DELETION,
        unchecked=_PULUMI,
        seconds=385,
    ),
    Build(
        name="kubernetes",
        group="lab",
        module="kubernetes",
        binaries={
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "kubectl",
            )
        },
        linker=_kubernetes_version(),
        seconds=320,
    ),
    Build(
        name="pulumi",
        group="pulumi",
        module="pulumi",
        binaries={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
        linker={f"{_PULUMI_SDK}/go/common/version.Version": f"v{versions.PULUMI}"},
        unchecked=_PULUMI,
        seconds=150,
    ),
    # Each of the two with the dependencies it was released with, hence a module each.
    Build(
        name="terraform",
        group="bench",
        module="bench-terraform",
        binaries={"terraform": "github.com/hashicorp/terraform"},
        seconds=110,
    ),
    Build(
        name="pulumi-resource-tls",
        group="pulumi",
        module="provider-tls",
        binaries={"pulumi-resource-tls": "."},
        linker={"main.version": versions.PULUMI_TLS},
        sources=("go.mod", "go.sum", "*.go", "shim/go.mod", "shim/*.go"),
        unchecked=(*_PULUMI, "github.com/hashicorp/terraform-provider-tls"),
        seconds=95,
    ),
    Build(
        name="pulumi-resource-kafka",
        group="pulumi",
        module="provider-kafka",
        binaries={"pulumi-resource-kafka": "."},
        linker={"main.version": versions.PULUMI_KAFKA},
        unchecked=_PULUMI,
        seconds=65,
    ),
    Build(
        name="terraform-provider-kafka",
        group="bench",
        module="bench-provider-kafka",
        binaries={"terraform-provider-kafka": "github.com/Mongey/terraform-provider-kafka"},
        seconds=60,
    ),
    Build(
        name="coredns",
        group="lab",
        module="coredns",
        binaries={"coredns": "."},
        seconds=60,
    ),
    Build(
        name="pulumi-language-python",
        group="pulumi",
        module="language-python",
        binaries={"pulumi-language-python": "github.com/pulumi/pulumi/sdk/python/cmd/pulumi-language-python/v3"},
        # The host looks for its executor beside itself; both scripts must be of the engine's release.
        scripts=(
            Borrowed(pinned_by="pulumi", module=_PULUMI_SDK, file="python/cmd/pulumi-language-python-exec"),
            Borrowed(pinned_by="pulumi", module=_PULUMI_SDK, file="python/dist/pulumi-resource-pulumi-python"),
        ),
        unchecked=_PULUMI,
        seconds=30,
    ),
    Build(
        name="lab-provisioner",
        group="lab",
        module="kubernetes",
        binaries={"lab-provisioner": "./provisioner"},
        sources=("go.mod", "go.sum", "provisioner/*.go"),
        seconds=30,
    ),
    Build(
        name="actionlint",
        group="tests",
        module="actionlint",
        binaries={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
        seconds=20,
    ),
    Build(
        name="lab-pause",
        group="lab",
        module="kubernetes",
        binaries={"lab-pause": "./pause"},
        sources=("go.mod", "go.sum", "pause/*.go"),
        seconds=5,
    ),
)
"""Every build, the longest first."""
