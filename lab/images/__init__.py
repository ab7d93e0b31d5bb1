"""Container images of the lab, built without a container engine from Debian and Maven packages."""

from lab.images.ensure import ensure_images
from lab.images.kafka import tools_classpath

__all__ = ["ensure_images", "tools_classpath"]
