"""Names in a hosted zone of Route 53."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from config.aws import Route53Spec


@dataclass(frozen=True, kw_only=True)
class DnsRecordsArgs:
    """What ``DnsRecords`` is made of."""

    spec: Route53Spec
    targets: Mapping[str, pulumi.Input[str]]
    """Host to the name that it stands for."""


class DnsRecords(pulumi.ComponentResource):
    """A CNAME for each host. Type: kafka-platform:index:DnsRecords."""

    hosts: pulumi.Output[Sequence[str]]
    """The hosts, known when all of Route 53's servers have them."""

    def __init__(self, name: str, args: DnsRecordsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the records."""
        super().__init__("kafka-platform:index:DnsRecords", name, {}, opts)
        made = [
            aws.route53.Record(
                f"{name}-{host}",
                zone_id=args.spec.zone_id,
                name=host,
                type="CNAME",
                ttl=args.spec.ttl,
                records=[target],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for host, target in args.targets.items()
        ]
        hosts = list(args.targets)
        self.hosts = pulumi.Output.all(*(each.id for each in made)).apply(lambda _: hosts)
        self.register_outputs({"hosts": self.hosts})
