"""What keys and values of Kubernetes' labels and taints look like.

kubernetes.io/docs/concepts/overview/working-with-objects/labels
"""

import re
from typing import Final

_NAME: Final = r"[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?"
LABEL_KEY: Final = re.compile(rf"((?=[^/]{{1,253}}/)[a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?{_NAME}", re.ASCII)
LABEL_VALUE: Final = re.compile(f"({_NAME})?", re.ASCII)
