"""What nodes of EC2 are started from."""

from typing import Any, ClassVar, Final

from lab.aws.ec2 import Ec2
from lab.aws.resource import Properties, names
from lab.aws.translate import input_shape, of_api, tag_map, to_api

_DATA: Final = names(
    "blockDeviceMappings ebsOptimized iamInstanceProfile imageId instanceType keyName metadataOptions monitoring "
    "tagSpecifications userData vpcSecurityGroupIds"
)
"""What a version of a template consists of."""
_GROUPS: Final = ("vpcSecurityGroupIds", "securityGroupIds")
"""What the provider calls so, and EC2."""


class LaunchTemplate(Ec2):
    """A template with numbered versions; a change makes a further one."""

    pulumi_type = "aws:ec2/launchTemplate:LaunchTemplate"
    tag_type = "launch-template"
    takes = names("name description defaultVersion updateDefaultVersion tags region") | _DATA
    fixed = names("name region")
    named = "name"
    longest = 128
    defaults: ClassVar[Properties] = {"updateDefaultVersion": False}
    hidden = names("namePrefix metadataOptions")

    @classmethod
    def moved(cls, old: Properties, new: Properties) -> frozenset[str]:
        """A further version has a further number."""
        if not _is_further(old, new):
            return frozenset()
        return names("latestVersion defaultVersion" if new.get("updateDefaultVersion") else "latestVersion")

    def create(self, inputs: Properties) -> str:
        """Make it with its first version."""
        request = {"LaunchTemplateName": inputs["name"], "TagSpecifications": self.tagged(inputs)}
        made = self.ec2.create_launch_template(**request, **self._version("create_launch_template", inputs))
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Make a further version if what it consists of has changed, and say which one is the default."""
        self.retag(name, old, new)
        if _is_further(old, new):
            version = self._version("create_launch_template_version", new)
            self.ec2.create_launch_template_version(LaunchTemplateId=name, **version)
        latest = self._found(name)["LatestVersionNumber"]
        default = latest if new.get("updateDefaultVersion") else new.get("defaultVersion")
        if default:
            self.ec2.modify_launch_template(LaunchTemplateId=name, DefaultVersion=str(default))

    def _version(self, operation: str, inputs: Properties) -> dict[str, Any]:
        shape = input_shape(self.ec2, operation).members["LaunchTemplateData"]
        asked = {key: inputs[key] for key in _DATA if inputs.get(key) is not None}
        if _GROUPS[0] in asked:
            asked[_GROUPS[1]] = asked.pop(_GROUPS[0])
        described = {"VersionDescription": inputs["description"]} if inputs.get("description") else {}
        return {"LaunchTemplateData": to_api(asked, shape), **described}

    def _found(self, name: str) -> dict[str, Any]:
        found = self.ec2.describe_launch_templates(LaunchTemplateIds=[name])["LaunchTemplates"]
        # Moto answers with none where EC2 says InvalidLaunchTemplateId.NotFound.
        return dict(found[0]) if found else {}

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return its latest version."""
        del known
        found = self._found(name)
        if not found:
            return None
        versions = self.ec2.describe_launch_template_versions(LaunchTemplateId=name, Versions=["$Latest"])
        version = versions["LaunchTemplateVersions"][0]
        data = version["LaunchTemplateData"]
        if "SecurityGroupIds" in data:
            data["VpcSecurityGroupIds"] = data.pop("SecurityGroupIds")
        # Moto puts the template's own tags there.
        specifications = [each for each in data.pop("TagSpecifications", ()) if each["ResourceType"] != self.tag_type]
        if specifications:
            data["TagSpecifications"] = specifications
        described = {"description": version["VersionDescription"]} if version.get("VersionDescription") else {}
        return {
            **of_api(data, self.fields(), _DATA),
            **described,
            "arn": self.arn(name),
            "name": found["LaunchTemplateName"],
            "defaultVersion": found["DefaultVersionNumber"],
            "latestVersion": found["LatestVersionNumber"],
            "tags": tag_map(found.get("Tags", ())),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Delete it with all versions."""
        del known
        if self._found(name):
            self.ec2.delete_launch_template(LaunchTemplateId=name)


def _is_further(old: Properties, new: Properties) -> bool:
    return any(old.get(key) != new.get(key) for key in (*_DATA, "description"))
