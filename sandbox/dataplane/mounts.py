"""Volumes of a pod as folders, with the layout and the atomic swap of a kubelet.

<folder>/..<random>/key     the files
<folder>/..data             symbolic link to it, replaced by one rename: what Envoy's `watched_directory` waits for
<folder>/key                symbolic link to ..data/key
"""

import base64
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Find = Callable[[str, str], Mapping[str, Any] | None]
"""(kind, name) -> the object of the pod's namespace."""


class NotThere(Exception):
    """Something that the pod refers to does not exist yet; the message names it, as a kubelet's events do."""


def contents(volume: Mapping[str, Any], find: Find) -> dict[str, bytes] | None:
    """File -> content of a volume; None for one that begins empty. Raises `NotThere`."""
    if "configMap" in volume:
        source = volume["configMap"]
        return _chosen(source, object_data("ConfigMap", source.get("name", ""), find, source.get("optional", False)))
    if "secret" in volume:
        source = volume["secret"]
        name, optional = source.get("secretName", ""), source.get("optional", False)
        return _chosen(source, object_data("Secret", name, find, optional))
    if "projected" in volume:
        files: dict[str, bytes] = {}
        for part in volume["projected"].get("sources") or ():
            for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if key in part:
                    source = part[key]
                    data = object_data(kind, source.get("name", ""), find, source.get("optional", False))
                    files |= _chosen(source, data)
        return files
    if "emptyDir" in volume:
        return None
    raise NotThere(f"volume {volume['name']}: the sandbox mounts ConfigMaps, Secrets and emptyDirs only")


def object_data(kind: str, name: str, find: Find, optional: bool) -> dict[str, bytes]:
    """Key -> value of a ConfigMap or Secret. Raises `NotThere`."""
    found = find(kind, name)
    if found is None:
        if optional:
            return {}
        raise NotThere(f'{kind.lower()} "{name}" not found')
    plain = {} if kind == "Secret" else {key: value.encode() for key, value in (found.get("data") or {}).items()}
    encoded = found.get("data" if kind == "Secret" else "binaryData") or {}
    return plain | {key: base64.b64decode(value) for key, value in encoded.items()}


def _chosen(source: Mapping[str, Any], data: Mapping[str, bytes]) -> dict[str, bytes]:
    items = source.get("items")
    if not items:
        return dict(data)
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not source.get("optional"):
        raise NotThere(f"references non-existent config key: {missing[0]}")
    return {item["path"]: data[item["key"]] for item in items if item["key"] in data}


def write(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Make the folder show exactly these files, all at once. False when it did already."""
    current = folder / "..data"
    if current.exists() and _read(current) == dict(files):
        return False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = os.readlink(current) if current.is_symlink() else None
    made = folder / f"..{secrets.token_hex(6)}"
    for name, content in files.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (made / name).write_bytes(content)
        (made / name).chmod(0o600)
    made.mkdir(exist_ok=True, mode=0o700)
    temporary = folder / "..data_tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(made.name)
    temporary.replace(current)
    shown = {name.partition("/")[0] for name in files}
    for name in shown:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in shown:
            link.unlink()
    if before:
        shutil.rmtree(folder / before, ignore_errors=True)
    return True


def _read(link: Path) -> dict[str, bytes]:
    folder = link.resolve()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
