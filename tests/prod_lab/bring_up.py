"""The lab, the account and a clone with everything set that ``ops up --stack prod`` asks for."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from config.literals import PROJECT
from config.platform import PlatformSpec
from lab.api import Api
from lab.paths import layout
from lab.plan import HOST
from tests.clone import clone
from tests.e2e.harness import Finished
from tests.prod_lab import names
from tests.prod_lab.account import CREDENTIALS, account, connect
from tests.prod_lab.stack import OVERLAY, ROOT, STACK, configured, digests, machines
from toolchain.cache import cache_root
from toolchain.engine import engine_environment
from toolchain.programs import program

PORT: Final = 4566
"""Where AWS is stood in for on the host's address in the lab, which the overlay names."""


@dataclass(frozen=True, kw_only=True)
class ProdLab:
    """A clone of the checkout, in which prod's commands run as on an operator's machine that reaches the VPC."""

    root: Path
    environment: Mapping[str, str]
    resolver: Path
    """What ``/etc/resolv.conf`` is for these commands."""
    url: str
    """Where AWS is stood in for."""
    platform: PlatformSpec

    def command(self, *command: str) -> list[str]:
        """Return a command as it has to be started."""
        return names.outside(self.resolver, *command)

    def run(self, *command: str, check: bool = True, stdin: str = "") -> Finished:
        """Run a command; with ``check`` a failure shows everything it printed."""
        done = subprocess.run(
            self.command(*command),
            cwd=self.root,
            env=dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
        )
        finished = Finished(done.returncode, done.stdout, done.stderr)
        assert not check or finished.code == 0, f"{' '.join(command)} exited {finished.code}:\n{finished.text}"
        return finished

    def ops(self, *arguments: str, check: bool = True) -> Finished:
        return self.run(".venv/bin/python", "-m", "ops", *arguments, "--stack", STACK, check=check)

    def set(self, path: str, value: str) -> None:
        """Set a value of the stack's configuration, as its owner does."""
        self.run("pulumi", "config", "set", "--stack", STACK, "--path", f"{PROJECT}:{path}", value)

    def aws(self, service: str, region: str | None = None) -> Any:
        """Return a client of the account."""
        assert self.platform.aws is not None
        return connect(service, self.url, region or self.platform.aws.region)

    @property
    def api(self) -> Api:
        return Api(layout().kubeconfig)


@contextmanager
def prod_lab(folder: Path) -> Iterator[ProdLab]:
    """Start all of it below an empty folder; afterwards nothing is left, whether or not the stack was destroyed."""
    platform, _ = configured()
    with ExitStack() as exits:
        _start_lab(folder, exits)
        url = exits.enter_context(account(str(HOST), PORT))
        resolver, api = folder / "resolv.conf", Api(layout().kubeconfig)
        assert platform.aws is not None
        assert platform.aws.route53 is not None
        route53, zone_id = connect("route53", url, platform.aws.region), platform.aws.route53.zone_id

        def lookup() -> tuple[dict[str, str], dict[str, str]]:
            return names.records(route53, zone_id), names.balancers(api)

        exits.enter_context(names.resolver(str(HOST), lookup, resolver))
        root = folder / "checkout"
        clone(root)
        made = ProdLab(root=root, environment=_environment(folder, url), resolver=resolver, url=url, platform=platform)
        _write_kubeconfig(Path(made.environment["KUBECONFIG"]), str(platform.kubernetes.context))
        _set_up(made)
        yield made


def _start_lab(folder: Path, exits: ExitStack) -> None:
    file = folder / "machines.json"
    file.write_text(json.dumps(machines()))
    run = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True)
    state = run([sys.executable, "-m", "lab", "status"])
    assert state.returncode == 3, "a lab is running: stop it first with `make down`"
    exits.callback(run, [sys.executable, "-m", "lab", "stop"], check=True)
    started = run([sys.executable, "-m", "lab", "start", "--machines", str(file)])
    assert started.returncode == 0, started.stdout + started.stderr


def _environment(folder: Path, url: str) -> dict[str, str]:
    """Return the variables of an operator's shell; nothing of this process's but where programs are."""
    home, state = folder / "home", folder / "state"
    for each in (home, state):
        each.mkdir()
    kept = {name: os.environ[name] for name in ("KAFKA_PLATFORM_LAB", "LANG", "TERM") if name in os.environ}
    engine = engine_environment()
    return {
        **kept,
        **engine,
        "PATH": f"{engine['PATH']}{os.pathsep}{program('kubectl').parent}",
        "HOME": str(home),
        "KAFKA_PLATFORM_CACHE": str(cache_root()),
        "KUBECONFIG": str(folder / "kubeconfig"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(16),
        "PLATFORM_OVERLAY": str(OVERLAY),
        "AWS_ENDPOINT_URL": url,
        **CREDENTIALS,
    }


def _write_kubeconfig(file: Path, context: str) -> None:
    """Write the lab's kubeconfig under the name that the stack knows its cluster by."""
    document = yaml.safe_load(layout().kubeconfig.read_text())
    (only,) = document["contexts"]
    only["name"] = document["current-context"] = context
    file.write_text(yaml.safe_dump(document))
    file.chmod(0o600)


def _set_up(lab: ProdLab) -> None:
    """Set what Pulumi.prod.yaml says has to be set before the first update."""
    lab.run("pulumi", "stack", "init", STACK)
    secret = ("--secret", f"{PROJECT}:master_secret")
    lab.run("pulumi", "config", "set", "--stack", STACK, *secret, stdin=secrets.token_urlsafe(32))
    for path, digest in digests().items():
        lab.set(path, digest)
