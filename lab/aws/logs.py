"""Groups of CloudWatch's logs."""

from typing import Any, ClassVar

from lab.aws.resource import Properties, Resource, names, retagged
from lab.aws.translate import of_api


class LogGroup(Resource):
    """Where logs go, and for how long."""

    pulumi_type = "aws:cloudwatch/logGroup:LogGroup"
    takes = names("name retentionInDays kmsKeyId skipDestroy tags region")
    fixed = names("name region")
    named = "name"
    longest = 512
    defaults: ClassVar[Properties] = {"retentionInDays": 0, "skipDestroy": False}
    hidden = names("namePrefix deletionProtectionEnabled logGroupClass")

    @property
    def _logs(self) -> Any:
        return self.place.client("logs")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        request = {"logGroupName": inputs["name"], "tags": inputs.get("tags") or {}}
        if inputs.get("kmsKeyId"):
            request["kmsKeyId"] = inputs["kmsKeyId"]
        self._logs.create_log_group(**request)
        return str(inputs["name"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Say for how long: no days are for ever."""
        if days := inputs.get("retentionInDays"):
            self._logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        else:
            self._logs.delete_retention_policy(logGroupName=name)

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change how long, the key, tags."""
        if old.get("kmsKeyId") != new.get("kmsKeyId"):
            if new.get("kmsKeyId"):
                self._logs.associate_kms_key(logGroupName=name, kmsKeyId=new["kmsKeyId"])
            else:
                self._logs.disassociate_kms_key(logGroupName=name)
        gone, changed = retagged(old, new)
        if gone:
            self._logs.untag_log_group(logGroupName=name, tags=gone)
        if changed:
            self._logs.tag_log_group(logGroupName=name, tags=changed)
        self.settle(name, new)

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it: the logs are asked by the beginnings of names."""
        del known
        for page in self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
            for found in page["logGroups"]:
                if found["logGroupName"] == name:
                    return {
                        **of_api(found, self.fields(), {"kmsKeyId", "retentionInDays"}),
                        "name": name,
                        "arn": found["arn"].removesuffix(":*"),
                        "tags": self._logs.list_tags_log_group(logGroupName=name)["tags"],
                    }
        return None

    def delete(self, name: str, known: Properties) -> None:
        """Delete it, unless it is said to stay."""
        if not known.get("skipDestroy"):
            self._logs.delete_log_group(logGroupName=name)
