"""OCI image archives (image-spec v1.1), written so that the same content gives the same bytes."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"


def write_layer(root: Path, target: Path, prefix: str = "") -> None:
    """Write a folder as a layer: entries sorted, times zero, owners kept, below ``prefix`` in the image."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            member = archive.gettarinfo(path, f"{prefix}{path.relative_to(root)}")
            member.mtime = 0
            member.uname = member.gname = ""
            if member.isreg():
                with path.open("rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)


def write_archive(target: Path, name: str, layers: Sequence[Path], config: Mapping[str, Any]) -> None:
    """Write an archive that ``ctr images import`` takes under ``name``; ``config`` is the run configuration."""
    digests = [_sha256(layer) for layer in layers]
    image = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", image),
            "layers": [
                {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer.stat().st_size}
                for digest, layer in zip(digests, layers, strict=True)
            ],
        }
    )
    named = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    named["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, "oci-layout", io.BytesIO(_json({"imageLayoutVersion": "1.0.0"})))
        _add(archive, "index.json", io.BytesIO(_json({"schemaVersion": 2, "manifests": [named]})))
        for blob in (image, manifest):
            _add(archive, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", io.BytesIO(blob))
        for digest, layer in zip(digests, layers, strict=True):
            with layer.open("rb") as content:
                _add(archive, f"blobs/sha256/{digest}", content)


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: BinaryIO) -> None:
    member = tarfile.TarInfo(name)
    content.seek(0, io.SEEK_END)
    member.size = content.tell()
    content.seek(0)
    archive.addfile(member, content)
