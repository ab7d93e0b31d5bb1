"""Keys of KMS and their aliases."""

from typing import Any, ClassVar

from lab.aws.resource import Properties, Resource, retagged
from lab.aws.translate import tag_map

_GOING = ("PendingDeletion", "PendingReplicaDeletion")


class Key(Resource):
    """A symmetric key for encryption."""

    pulumi_type = "aws:kms/key:Key"
    takes = frozenset(
        {"description", "policy", "enableKeyRotation", "deletionWindowInDays", "isEnabled", "tags", "region"}
    )
    fixed = frozenset({"region"})
    # Thirty days is KMS' own default and its longest: API_ScheduleKeyDeletion.
    defaults: ClassVar[Properties] = {"deletionWindowInDays": 30, "enableKeyRotation": False, "isEnabled": True}
    hidden = frozenset({"rotationPeriodInDays"})

    @property
    def _kms(self) -> Any:
        return self.place.client("kms")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        request: dict[str, Any] = {"Description": inputs.get("description") or ""}
        if inputs.get("policy"):
            request["Policy"] = inputs["policy"]
        if tags := inputs.get("tags"):
            request["Tags"] = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
        return str(self._kms.create_key(**request)["KeyMetadata"]["KeyId"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Turn rotation and the key itself on or off."""
        rotated = self._kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"]
        if bool(inputs.get("enableKeyRotation")) != rotated:
            turn = self._kms.enable_key_rotation if inputs.get("enableKeyRotation") else self._kms.disable_key_rotation
            turn(KeyId=name)
        enabled = self._kms.describe_key(KeyId=name)["KeyMetadata"]["Enabled"]
        wanted = inputs.get("isEnabled") is not False
        if wanted != enabled:
            (self._kms.enable_key if wanted else self._kms.disable_key)(KeyId=name)

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change description, policy, tags, rotation."""
        if old.get("description") != new.get("description"):
            self._kms.update_key_description(KeyId=name, Description=new.get("description") or "")
        if new.get("policy") and old.get("policy") != new["policy"]:
            self._kms.put_key_policy(KeyId=name, PolicyName="default", Policy=new["policy"])
        gone, changed = retagged(old, new)
        if gone:
            self._kms.untag_resource(KeyId=name, TagKeys=gone)
        if changed:
            pairs = [{"TagKey": key, "TagValue": value} for key, value in changed.items()]
            self._kms.tag_resource(KeyId=name, Tags=pairs)
        self.settle(name, new)

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return what KMS says of it; one that waits for its deletion is gone."""
        del known
        found = self._kms.describe_key(KeyId=name)["KeyMetadata"]
        if found["KeyState"] in _GOING:
            return None
        return {
            "keyId": found["KeyId"],
            "arn": found["Arn"],
            "description": found.get("Description", ""),
            "isEnabled": found["Enabled"],
            "keyUsage": found.get("KeyUsage", "ENCRYPT_DECRYPT"),
            "customerMasterKeySpec": found["KeySpec"],
            "multiRegion": found.get("MultiRegion", False),
            "policy": self._kms.get_key_policy(KeyId=name, PolicyName="default")["Policy"],
            "enableKeyRotation": self._kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"],
            "tags": tag_map(self._kms.list_resource_tags(KeyId=name)["Tags"]),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Have it deleted when its time is up; a key can't be deleted at once."""
        if self._kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] not in _GOING:
            days = known.get("deletionWindowInDays") or self.defaults["deletionWindowInDays"]
            self._kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=days)


class Alias(Resource):
    """Another name of a key."""

    pulumi_type = "aws:kms/alias:Alias"
    takes = frozenset({"name", "targetKeyId", "region"})
    fixed = frozenset({"name", "region"})
    hidden = frozenset({"namePrefix"})

    @property
    def _kms(self) -> Any:
        return self.place.client("kms")

    def create(self, inputs: Properties) -> str:
        """Make it."""
        self._kms.create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return str(inputs["name"])

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Point it to another key."""
        del old
        self._kms.update_alias(AliasName=name, TargetKeyId=new["targetKeyId"])

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return what it points to; KMS lists aliases, and describes none."""
        del known
        for page in self._kms.get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias["AliasName"] == name:
                    key = alias["TargetKeyId"]
                    arn = self._kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
                    return {"name": name, "arn": alias["AliasArn"], "targetKeyId": key, "targetKeyArn": arn}
        return None

    def delete(self, name: str, known: Properties) -> None:
        """Delete it; the key stays."""
        del known
        self._kms.delete_alias(AliasName=name)
