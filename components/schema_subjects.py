"""The committed schemas in the registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from config.literals import ADMIN_USER
from contracts.repository import history, subjects
from contracts.subject import Subject
from resources.schema_subject import SchemaSubject


@dataclass(frozen=True, kw_only=True)
class SchemaSubjectsArgs:
    """What ``SchemaSubjects`` is made of."""

    urls: pulumi.Input[Sequence[str]]
    ca_pem: pulumi.Input[str]
    passwords: pulumi.Input[Mapping[str, str]]
    """Secret: the administrator's is used."""
    protect: bool
    """Protect the subjects from deletion, and leave them in the registry where they are deleted all the same."""
    deleted_with: pulumi.Resource | None
    """What takes the registry's content along when it is deleted."""
    present: Callable[[], Sequence[Subject]] = subjects
    """The schemas to register, references before what refers to them."""
    released: Callable[[str], Sequence[Subject]] = history
    """The released versions of a subject, oldest first."""


class SchemaSubjects(pulumi.ComponentResource):
    """Every schema of the repository under its subject. Type: kafka-platform:index:SchemaSubjects."""

    versions: pulumi.Output[dict[str, int]]
    """Subject to the version its schema has."""

    def __init__(self, name: str, args: SchemaSubjectsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the subjects, each after those it refers to."""
        super().__init__("kafka-platform:index:SchemaSubjects", name, {}, opts)
        password = pulumi.Output.secret(args.passwords).apply(lambda all_of_them: all_of_them[ADMIN_USER])
        created: dict[str, SchemaSubject] = {}
        for subject in args.present():
            created[subject.name] = SchemaSubject(
                subject.name,
                subject=subject,
                released=_released(subject, args.released),
                urls=args.urls,
                ca_pem=args.ca_pem,
                username=ADMIN_USER,
                password=password,
                retain=args.protect,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[created[one.subject] for one in subject.references if one.subject in created],
                    protect=args.protect,
                    deleted_with=args.deleted_with,
                ),
            )
        self.versions = pulumi.Output.all(**{key: one.version for key, one in created.items()}).apply(
            lambda found: {key: int(version) for key, version in found.items()}
        )
        self.register_outputs({"versions": self.versions})


def _released(subject: Subject, released: Callable[[str], Sequence[Subject]]) -> dict[str, Sequence[Subject]]:
    """Return the histories of a subject and of all that it, or one of those, refers to."""
    found: dict[str, Sequence[Subject]] = {}
    waiting = [subject.name, *(one.subject for one in subject.references)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = released(name)
            waiting += [one.subject for version in found[name] for one in version.references]
    return found
