"""Network load balancers of AWS in front of Services, as the annotations and fields that make them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from config.aws import AwsSpec, BalancerController, BalancerScheme

_PREFIX: Final = "service.beta.kubernetes.io/aws-load-balancer"
_SKIP: Final = "pulumi.com/skipAwait"
_WAIT: Final = "pulumi.com/waitFor"
_HAS_NAME: Final = "jsonpath={.status.loadBalancer.ingress[0].hostname}"


def annotations(aws: AwsSpec, subnets: Any, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the annotations of a Service whose balancer is in ``subnets``: ids with commas, perhaps an Output.

    Cross-zone balancing is off: each byte that it carries over is paid for, and a broker's balancer is in its zone.
    kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations
    """
    internal = aws.load_balancers.scheme is BalancerScheme.INTERNAL
    common = {
        f"{_PREFIX}-subnets": subnets,
        f"{_PREFIX}-additional-resource-tags": ",".join(f"{key}={value}" for key, value in sorted(tags.items())),
    }
    if aws.balancer_controller is BalancerController.IN_TREE:
        return {
            **common,
            f"{_PREFIX}-type": "nlb",
            # Whatever its value, the annotation asks for an internal one.
            **({f"{_PREFIX}-internal": "true"} if internal else {}),
            f"{_PREFIX}-cross-zone-load-balancing-enabled": "false",
        }
    return {
        **common,
        f"{_PREFIX}-type": "external",
        f"{_PREFIX}-nlb-target-type": "ip",
        f"{_PREFIX}-scheme": aws.load_balancers.scheme.value,
        f"{_PREFIX}-attributes": "load_balancing.cross_zone.enabled=false",
    }


def is_balancer(service: Mapping[str, Any]) -> bool:
    """Tell whether a load balancer is made for a Service."""
    return bool(service["spec"].get("type") == "LoadBalancer")


def balanced(
    service: Mapping[str, Any], more: Mapping[str, Any], source_ranges: Sequence[str], *, named: bool
) -> dict[str, Any]:
    """Return a Service of the type LoadBalancer with further annotations and the addresses it lets in.

    ``named``: something leads a name to it, so that it is there only when its balancer has one.
    """
    own = {key: value for key, value in service["metadata"].get("annotations", {}).items() if key != _SKIP or not named}
    metadata = {**service["metadata"], "annotations": {**own, **more, **({_WAIT: _HAS_NAME} if named else {})}}
    ranges = {"loadBalancerSourceRanges": list(source_ranges)} if source_ranges else {}
    return {**service, "metadata": metadata, "spec": {**service["spec"], **ranges}}
