"""Whether this run is `make drill`, whose campaigns are too long for `make test`."""

import os
from typing import Final

DRILL: Final = "KAFKA_PLATFORM_DRILL" in os.environ
