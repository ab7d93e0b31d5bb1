"""The plugin's process: ``python -m lab.aws ENGINE_ADDRESS``."""

import os
import sys

from components.lazy_packages import load_when_asked_for
from lab.aws.schema import packages
from lab.aws.server import serve
from lab.aws.types import TYPES


def main() -> None:
    """Serve the engine that started this process until it ends it."""
    # Credentials are looked for where a stand-in's may be, never at the machine's own cloud.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    load_when_asked_for(packages(TYPES))
    serve(TYPES, os.environ, sys.argv[1])


if __name__ == "__main__":
    main()
