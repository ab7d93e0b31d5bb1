"""Images of what stands beside the brokers."""

import re
from collections.abc import Iterator
from typing import Final

from config.base import Spec
from config.errors import Problem, shown
from config.literals import PROJECT

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class ImageSpec(Spec):
    """A container image, by name and digest."""

    name: str
    """Registry, name and tag."""
    digest: str | None = None
    """``sha256:…``, put behind the name: nobody can push another image under it. A protected stack needs one."""

    @property
    def reference(self) -> str:
        """What a pod asks the container runtime for."""
        return self.name if self.digest is None else f"{self.name}@{self.digest}"


def image_problems(path: str, image: ImageSpec, stack: str, *, protect: bool) -> Iterator[Problem]:
    """Yield what is wrong with an image that is configured at ``path``."""
    if not image.name or re.search(r"[\s@]", image.name):
        allowed = "an image's name is registry/name:tag; its digest has a field of its own"
        yield Problem(f"{path}.name", shown(image.name), allowed, "correct it")
    elif image.digest is None and protect:
        yield Problem(
            f"{path}.digest",
            "",
            f"it is missing: a protected stack runs {image.name} by its digest",
            f"find it with docker buildx imagetools inspect {image.name} --format '{{{{.Manifest.Digest}}}}', then: "
            f"pulumi config set --stack {stack} --path {PROJECT}:{path}.digest sha256:…",
        )
    if image.digest is not None and not _DIGEST.fullmatch(image.digest):
        allowed = "a digest is sha256: and 64 hexadecimal digits"
        yield Problem(f"{path}.digest", shown(image.digest), allowed, "copy it as the registry shows it")
