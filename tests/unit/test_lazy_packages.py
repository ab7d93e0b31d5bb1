"""A package of the SDK that loads what is asked for, in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LOOKED_AT = """
import sys
from components.lazy_packages import load_when_asked_for

load_when_asked_for(["pulumi_aws.kms"])
import pulumi_aws as aws
from pulumi_aws import kms
import pulumi_aws.kms as imported

assert kms is aws.kms is imported
assert kms.Key.__module__ == "pulumi_aws.kms.key"
assert kms.KeyArgs.__module__ == "pulumi_aws.kms.key"
assert kms.GetSecretSecretArgs.__module__ == "pulumi_aws.kms._inputs"
assert "pulumi_aws.kms.alias" not in sys.modules, "a sibling was loaded"
assert not hasattr(kms, "Kex")
key = kms.Key
assert callable(kms.get_key), "a function loads all there is"
assert "pulumi_aws.kms.alias" in sys.modules
assert kms.Key is key, "a class stays the same"
assert kms.outputs.__name__ == "pulumi_aws.kms.outputs"
"""


def test_a_class_is_loaded_without_its_siblings_and_a_function_with_all_of_them() -> None:
    subprocess.run([sys.executable, "-c", LOOKED_AT], cwd=ROOT, check=True)
