"""The schemas of ``subjects.json``, in the registry of ``access.json``: the program of ``ops bench subjects``."""

import json
from pathlib import Path

from components.sdk import trim_sdk
from contracts.subject import Subject
from resources.schema_subject import SchemaSubject

trim_sdk()

access = json.loads(Path("access.json").read_text())
for name, schema in json.loads(Path("subjects.json").read_text()).items():
    SchemaSubject(name, subject=Subject(name=name, schema=schema), released={}, **access)
