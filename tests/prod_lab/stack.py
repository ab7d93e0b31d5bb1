"""The prod stack as the lab gets it, and the machines that its node groups are."""

import os
from functools import cache
from pathlib import Path
from typing import Any, Final

from config.platform import PlatformSpec
from config.topology import zone_suffix
from lab.images.ensure import ensure_images
from lab.plan import ZONES
from lab.template import image_digest, image_name
from manifests.nodes import Topology
from manifests.zone_groups import ZoneGroup, zone_groups
from ops.placeholders import completed
from ops.spec import values_of
from ops.workspace import Workspace

ROOT: Final = Path(__file__).parents[2]
STACK: Final = "prod"
OVERLAY: Final = ROOT / "config" / "overlays" / "prod-lab.yaml"


@cache
def configured() -> tuple[PlatformSpec, tuple[str, ...]]:
    """Return the stack with the overlay, and the paths of the digests that are to be set before it comes up."""
    values, problems = values_of(Workspace(ROOT, STACK), {**os.environ, "PLATFORM_OVERLAY": str(OVERLAY)})
    assert problems == []
    return completed(STACK, values)


def groups() -> tuple[ZoneGroup, ...]:
    """Return the node groups that the program makes, each with its zone, labels and taints."""
    platform, _ = configured()
    assert platform.aws is not None
    topology = Topology(spec=platform.kafka, namespace=platform.kubernetes.namespace)
    return zone_groups(platform.aws, topology, platform.kubernetes.zones)


def machines() -> dict[str, Any]:
    """Return the lab's machines: what EKS would start for the groups, in zones of the cloud's names."""
    names = dict(zip(ZONES, configured()[0].kubernetes.zones, strict=True))
    places = {cloud: zone for zone, cloud in names.items()}
    return {
        "zones": names,
        "machines": [
            {
                "name": f"{group.group.name}-{zone_suffix(group.zone)}" + (f"-{number}" if number else ""),
                "zone": places[group.zone],
                "labels": dict(group.labels),
                "taints": [taint.model_dump(mode="json") for taint in group.taints],
            }
            for group in groups()
            for number in range(group.desired)
        ],
    }


def digests() -> dict[str, str]:
    """Return the digest of each image by its path in the configuration, as CI sets it."""
    platform, missing = configured()
    made = {image_name(archive): image_digest(archive) for archive in ensure_images(lambda _: None)}
    return {path: made[_image(platform, path)] for path in missing}


def _image(platform: PlatformSpec, path: str) -> str:
    if path == "image_digest":
        return platform.kafka.image.partition("@")[0]
    found: Any = platform
    for key in path.split(".")[:-1]:
        found = getattr(found, key)
    name: str = found.name
    return name
