"""A kubeconfig for a cluster that the program makes."""

import json
from typing import Final

_CONTEXT: Final = "eks"


def eks_kubeconfig(*, cluster: str, region: str, endpoint: str, ca_data: str, role: str | None) -> str:
    """Return it as JSON. It holds no credential: the AWS CLI, which has to be there, gets a token for each use.

    ``ca_data`` is the authority's PEM in base64; ``role`` is taken for the token, None: the environment's credentials.
    """
    arguments = ["--region", region, "eks", "get-token", "--cluster-name", cluster, "--output", "json"]
    execute = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": [*arguments, *(["--role-arn", role] if role else [])],
        "interactiveMode": "Never",
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": _CONTEXT,
            "clusters": [
                {"name": _CONTEXT, "cluster": {"server": endpoint, "certificate-authority-data": ca_data}},
            ],
            "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": _CONTEXT}}],
            "users": [{"name": _CONTEXT, "user": {"exec": execute}}],
        }
    )
