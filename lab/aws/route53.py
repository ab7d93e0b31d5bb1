"""Names of Route 53."""

from typing import Any, ClassVar

from botocore.exceptions import ClientError

from lab.aws.errors import Refused, code
from lab.aws.resource import Properties, Resource, names


class Record(Resource):
    """What a name in a zone means. Its id is ZONE_NAME_TYPE."""

    pulumi_type = "aws:route53/record:Record"
    takes = names("zoneId name type ttl records aliases allowOverwrite")
    fixed = names("zoneId name type")
    defaults: ClassVar[Properties] = {"allowOverwrite": False}

    @property
    def _dns(self) -> Any:
        return self.place.client("route53")

    def create(self, inputs: Properties) -> str:
        """Make it; an existing one is only overwritten where that is allowed."""
        self._change("UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs)
        return "_".join((_zone(inputs["zoneId"]), inputs["name"], inputs["type"]))

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Say anew what it means."""
        del name, old
        self._change("UPSERT", new)

    def _change(self, action: str, inputs: Properties) -> None:
        domain = self._domain(_zone(inputs["zoneId"]))
        self._send(action, inputs["zoneId"], _record_set({**inputs, "name": _full(inputs["name"], domain)}))

    def _domain(self, zone: str) -> str:
        return str(self._dns.get_hosted_zone(Id=zone)["HostedZone"]["Name"]).rstrip(".")

    def _send(self, action: str, zone: str, record: Properties) -> None:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        self._dns.change_resource_record_sets(HostedZoneId=_zone(zone), ChangeBatch=batch)

    def _found(self, name: str) -> dict[str, Any] | None:
        zone, host, kind = _parts(name)
        wanted = _full(host, self._domain(zone))
        pages = self._dns.get_paginator("list_resource_record_sets")
        for page in pages.paginate(HostedZoneId=zone, StartRecordName=wanted, StartRecordType=kind):
            for found in page["ResourceRecordSets"]:
                if found["Type"] == kind and _decoded(found["Name"]) == wanted:
                    return {**found, "zone": zone, "wanted": wanted}
        return None

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it."""
        found = self._found(name)
        if found is None:
            return None
        properties: dict[str, Any] = {
            "zoneId": known.get("zoneId") or found["zone"],
            # The zone's name may be left out of a record's.
            "name": known.get("name") or _parts(name)[1],
            "fqdn": found["wanted"],
            "allowOverwrite": bool(known.get("allowOverwrite")),
            "type": found["Type"],
        }
        if "AliasTarget" in found:
            target = found["AliasTarget"]
            properties["aliases"] = [
                {
                    "name": target["DNSName"].rstrip("."),
                    "zoneId": target["HostedZoneId"],
                    "evaluateTargetHealth": target["EvaluateTargetHealth"],
                }
            ]
        else:
            properties["ttl"] = found["TTL"]
            properties["records"] = [_unquoted(each["Value"], found["Type"]) for each in found["ResourceRecords"]]
        return properties

    def delete(self, name: str, known: Properties) -> None:
        """Delete it: Route 53 wants to be told all of what is deleted."""
        del known
        found = self._found(name)
        if found is None:
            return
        record = {key: value for key, value in found.items() if key not in ("zone", "wanted")}
        try:
            self._send("DELETE", found["zone"], record)
        except ClientError as error:
            if code(error) != "InvalidChangeBatch" or "not found" not in str(error):
                raise


def _record_set(inputs: Properties) -> dict[str, Any]:
    found: dict[str, Any] = {"Name": inputs["name"], "Type": inputs["type"]}
    if inputs.get("aliases"):
        (alias,) = inputs["aliases"]
        found["AliasTarget"] = {
            "DNSName": alias["name"],
            "HostedZoneId": alias["zoneId"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
        return found
    quoted = [f'"{each}"' if inputs["type"] in ("TXT", "SPF") else each for each in inputs.get("records") or ()]
    return {**found, "TTL": inputs.get("ttl"), "ResourceRecords": [{"Value": each} for each in quoted]}


def _parts(name: str) -> tuple[str, str, str]:
    zone, first, rest = name.partition("_")
    host, second, kind = rest.rpartition("_")
    if not (first and second):
        raise Refused(f"{name} is no id of a record: it is ZONE_NAME_TYPE; correct it")
    return zone, host, kind


def _zone(zone: str) -> str:
    return zone.removeprefix("/hostedzone/")


def _full(host: str, domain: str) -> str:
    host = host.rstrip(".").lower()
    return host if host == domain or host.endswith(f".{domain}") else f"{host}.{domain}" if host else domain


def _decoded(name: str) -> str:
    # A star comes back as its octal number: DomainNameFormat of Route 53's guide.
    return name.rstrip(".").replace("\\052", "*").lower()


def _unquoted(value: str, kind: str) -> str:
    return value.removeprefix('"').removesuffix('"') if kind in ("TXT", "SPF") else value
