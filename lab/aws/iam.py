"""Roles of IAM, what they may do, and who vouches for those that take them."""

import json
from typing import Any, ClassVar

from lab.aws.errors import Refused
from lab.aws.resource import Properties, Resource, names, retagged
from lab.aws.translate import tag_list, tag_map


class _Iam(Resource):
    @property
    def iam(self) -> Any:
        """IAM's client: it is the same in every region."""
        return self.place.client("iam")


class Role(_Iam):
    """A role and who may take it."""

    pulumi_type = "aws:iam/role:Role"
    takes = names(
        "assumeRolePolicy description forceDetachPolicies maxSessionDuration name path permissionsBoundary tags"
    )
    fixed = frozenset({"name", "path"})
    named = "name"
    longest = 64
    defaults: ClassVar[Properties] = {"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"}
    hidden = frozenset({"namePrefix", "inlinePolicies"})

    def create(self, inputs: Properties) -> str:
        """Make it."""
        request = {"RoleName": inputs["name"], "AssumeRolePolicyDocument": inputs["assumeRolePolicy"]}
        for name in ("description", "maxSessionDuration", "path", "permissionsBoundary"):
            if inputs.get(name) is not None:
                request[name[:1].upper() + name[1:]] = inputs[name]
        self.iam.create_role(**request, Tags=tag_list(inputs.get("tags")))
        return str(inputs["name"])

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change trust, description, length of sessions, boundary, tags."""
        if old.get("assumeRolePolicy") != new["assumeRolePolicy"]:
            self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=new["assumeRolePolicy"])
        length = new.get("maxSessionDuration") or self.defaults["maxSessionDuration"]
        self.iam.update_role(RoleName=name, Description=new.get("description") or "", MaxSessionDuration=length)
        if new.get("permissionsBoundary"):
            self.iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=new["permissionsBoundary"])
        elif old.get("permissionsBoundary"):
            self.iam.delete_role_permissions_boundary(RoleName=name)
        gone, changed = retagged(old, new)
        if gone:
            self.iam.untag_role(RoleName=name, TagKeys=gone)
        if changed:
            self.iam.tag_role(RoleName=name, Tags=tag_list(changed))

    def read(self, name: str, known: Properties) -> Properties:
        """Return what IAM says of it."""
        del known
        found = self.iam.get_role(RoleName=name)["Role"]
        boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        attached = self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        return {
            "name": found["RoleName"],
            "arn": found["Arn"],
            "assumeRolePolicy": json.dumps(found["AssumeRolePolicyDocument"]),
            "createDate": found["CreateDate"].isoformat(),
            "description": found.get("Description", ""),
            "managedPolicyArns": sorted(policy["PolicyArn"] for policy in attached),
            "maxSessionDuration": found["MaxSessionDuration"],
            "path": found["Path"],
            "tags": tag_map(found.get("Tags", ())),
            "uniqueId": found["RoleId"],
            **({"permissionsBoundary": boundary} if boundary else {}),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Delete it, what is attached first if it is said to."""
        if known.get("forceDetachPolicies"):
            for policy in self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                self.iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
            for policy in self.iam.list_role_policies(RoleName=name)["PolicyNames"]:
                self.iam.delete_role_policy(RoleName=name, PolicyName=policy)
        self.iam.delete_role(RoleName=name)


class RolePolicy(_Iam):
    """What a role may do, written into it. Its id is ROLE:NAME."""

    pulumi_type = "aws:iam/rolePolicy:RolePolicy"
    takes = frozenset({"name", "role", "policy"})
    fixed = frozenset({"name", "role"})
    named = "name"
    longest = 128
    hidden = frozenset({"namePrefix"})

    def create(self, inputs: Properties) -> str:
        """Put it."""
        self.iam.put_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
        return f"{inputs['role']}:{inputs['name']}"

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Put it anew."""
        del name, old
        self.create(new)

    def read(self, name: str, known: Properties) -> Properties:
        """Return it."""
        del known
        role, policy = parts(name, "ROLE:NAME")
        document = self.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        return {"role": role, "name": policy, "policy": json.dumps(document)}

    def delete(self, name: str, known: Properties) -> None:
        """Take it out of the role."""
        del known
        role, policy = parts(name, "ROLE:NAME")
        self.iam.delete_role_policy(RoleName=role, PolicyName=policy)


class RolePolicyAttachment(_Iam):
    """A managed policy at a role. Its id is ROLE/ARN."""

    pulumi_type = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    takes = frozenset({"role", "policyArn"})
    fixed = frozenset({"role", "policyArn"})

    def create(self, inputs: Properties) -> str:
        """Attach it."""
        self.iam.attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}/{inputs['policyArn']}"

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it when it is attached."""
        del known
        role, arn = parts(name, "ROLE/ARN")
        attached = self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return {"role": role, "policyArn": arn} if arn in {each["PolicyArn"] for each in attached} else None

    def delete(self, name: str, known: Properties) -> None:
        """Detach it."""
        del known
        role, arn = parts(name, "ROLE/ARN")
        self.iam.detach_role_policy(RoleName=role, PolicyArn=arn)


class OpenIdConnectProvider(_Iam):
    """An issuer of identities that roles can trust. Its id is its ARN."""

    pulumi_type = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    takes = frozenset({"url", "clientIdLists", "thumbprintLists", "tags"})
    fixed = frozenset({"url"})

    def create(self, inputs: Properties) -> str:
        """Make it; without a thumbprint IAM gets one itself."""
        request = {"Url": inputs["url"], "ClientIDList": inputs["clientIdLists"], "Tags": tag_list(inputs.get("tags"))}
        if inputs.get("thumbprintLists"):
            request["ThumbprintList"] = inputs["thumbprintLists"]
        return str(self.iam.create_open_id_connect_provider(**request)["OpenIDConnectProviderArn"])

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change who it issues for, its thumbprints, tags."""
        before, after = set(old.get("clientIdLists") or ()), set(new.get("clientIdLists") or ())
        for client in sorted(after - before):
            self.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=name, ClientID=client)
        for client in sorted(before - after):
            self.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=name, ClientID=client)
        prints = new.get("thumbprintLists")
        if prints and prints != old.get("thumbprintLists"):
            self.iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=name, ThumbprintList=prints)
        gone, changed = retagged(old, new)
        if gone:
            self.iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=name, TagKeys=gone)
        if changed:
            self.iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=name, Tags=tag_list(changed))

    def read(self, name: str, known: Properties) -> Properties:
        """Return it; IAM gives the issuer without its scheme."""
        del known
        found = self.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=name)
        url = found["Url"]
        return {
            "arn": name,
            "url": url if url.startswith("https://") else f"https://{url}",
            "clientIdLists": found["ClientIDList"],
            "thumbprintLists": found["ThumbprintList"],
            "tags": tag_map(found.get("Tags", ())),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Delete it."""
        del known
        self.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=name)


def parts(name: str, form: str) -> tuple[str, str]:
    """Return the two parts of an id, cut at the first mark of ``form``; raises Refused for another."""
    mark = ":" if ":" in form else "/"
    first, found, second = name.partition(mark)
    if not (first and found and second):
        raise Refused(f"{name} is no id: it is {form}; correct it")
    return first, second
