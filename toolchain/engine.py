"""Which Pulumi engine runs the program: a fitting one that is installed, else the one we build."""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import versions
from toolchain import aws_plugin
from toolchain.builds import BUILDS
from toolchain.cache import Entry, Missing, cache_root, digest, publish
from toolchain.programs import program

_HOST: Final = "pulumi-language-python"
_ANSWER_SECONDS: Final = 30


def fits(version: str) -> bool:
    """Whether an engine of this version can run the program: our major version, and at least our release.

    A pre-release of our own release is older than it (Semantic Versioning 2.0, item 11).
    """
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(-\S+)?(\+\S+)?", version.strip())
    if match is None:
        return False
    ours = tuple(map(int, versions.PULUMI.split(".")))
    theirs = (int(match[1]), int(match[2]), int(match[3]))
    return theirs[0] == ours[0] and (theirs > ours or (theirs == ours and match[4] is None))


def installed(path: str | None = None) -> Path | None:
    """The first fitting ``pulumi`` in the directories of ``path`` (PATH by default), with a Python language host.

    Our own is passed over wherever PATH names it: it can't fetch plugins, an installed one does.
    """
    directories = (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep)
    for directory in filter(None, directories):
        found = shutil.which("pulumi", path=directory)
        if found is None or Path(found).resolve().is_relative_to(cache_root().resolve()):
            continue
        beside = str(Path(found).resolve().parent)
        if shutil.which(_HOST, path=os.pathsep.join([beside, *directories])) and fits(_version(found)):
            return Path(found)
    return None


@functools.cache
def _version(pulumi: str) -> str:
    quiet = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        said = subprocess.run(
            [pulumi, "version"], env=quiet, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()


def engine() -> Path:
    """The ``pulumi`` to run; raises :class:`toolchain.cache.Missing` when there is none yet."""
    return installed() or _assembled().bin / "pulumi"


def engine_environment() -> dict[str, str]:
    """The variables to set over the present environment for the engine and what it starts.

    PATH has the engine first. The engine we built is forbidden to fetch plugins, because it gets a PULUMI_HOME that
    has ours, as if it had fetched them; in a PULUMI_HOME of the user's nothing is put, and ours are found by PATH
    (the engine warns of that). AWS's plugin isn't among ours: where there is no real one, its stand-in is used
    (docs/adr/0032). Raises :class:`toolchain.cache.Missing` when the engine or a plugin isn't there.
    """
    common = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    if theirs := installed():
        return {"PATH": _path([theirs.parent])} | common
    assembled = _assembled()
    common["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "1"
    home = assembled.path / "home"
    stand_in = None if aws_plugin.real() else aws_plugin.STAND_IN
    if os.environ.get("PULUMI_HOME", str(home)) == str(home):
        common |= {aws_plugin.VARIABLE: str(stand_in)} if stand_in else {}
        return {"PATH": _path([assembled.bin]), "PULUMI_HOME": str(home)} | common
    plugins = [plugin.parent for plugin in home.glob("plugins/*/*") if plugin.name != aws_plugin.NAME]
    return {"PATH": _path([assembled.bin, *plugins, *([stand_in.parent] if stand_in else [])])} | common


def _assembled() -> Entry:
    """What we built, laid out as the engine expects it: the language host beside it, plugins by name and version.

    It costs no space and no time, being links and one line, so it is made when it is first asked for.
    """
    builds = [build for build in BUILDS if build.group == "pulumi"]
    sources = {build.name: program(build.name).parent for build in builds}
    aws = Path("home", "plugins", f"resource-aws-v{versions.PULUMI_AWS}", aws_plugin.NAME)
    entry = Entry("engine", digest(*(build.key() for build in builds), str(aws), aws_plugin.LAUNCHER))

    def fill(directory: Path) -> None:
        for build in builds:
            plugin = re.fullmatch(r"pulumi-resource-(\w+)", build.name)
            home = directory / "home" / "plugins"
            to = home / f"resource-{plugin[1]}-v{build.linker['main.version']}" if plugin else directory / "bin"
            to.mkdir(parents=True, exist_ok=True)
            for file in sources[build.name].iterdir():
                # A hard link, for the engine resolves a symbolic one and then looks beside the file it points to.
                (to / file.name).hardlink_to(file)
        launcher = directory / aws
        launcher.parent.mkdir(parents=True)
        launcher.write_text(aws_plugin.LAUNCHER)
        launcher.chmod(0o755)

    publish(entry, fill)
    return entry


def _path(first: Iterable[Path]) -> str:
    ours = [str(directory) for directory in first]
    rest = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*ours, *(directory for directory in rest if directory not in ours)])


def ready() -> bool:
    """Whether :func:`engine_environment` would succeed."""
    try:
        engine_environment()
    except Missing:
        return False
    return True
