"""The versions that a cell is declared with: its settings, and the catalogue's defaults for what they leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

import catalogue
from components.auto_mode import ADD_ONS as AUTO_MODE_ADD_ONS
from components.vocabulary import Compute
from stacks.model_base import Day, Settings, ShardId


def _kubernetes_version(name: str) -> str:
    known = catalogue.versions().kubernetes.versions
    if name not in known:
        raise ValueError(f"is not a version of catalogue/versions.yaml -> use {' or '.join(known)}")
    return name


def _aurora_version(name: str) -> str:
    known = catalogue.versions().aurora_postgresql.versions
    if name not in known:
        raise ValueError(f"is not a version of catalogue/versions.yaml -> use {', '.join(known)}")
    return name


def _version_text(value: object) -> object:
    """YAML reads 17.10 without quotes as 17.1."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("is a number in YAML, which drops zeros at the end -> put it in quotes")
    return value


KubernetesVersionName = Annotated[str, BeforeValidator(_version_text), AfterValidator(_kubernetes_version)]
AuroraVersionName = Annotated[str, BeforeValidator(_version_text), AfterValidator(_aurora_version)]

KUBELET_SKEW = 3
"""Minor versions that nodes may be older than the control plane
(https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html)."""


class VersionSettings(Settings):
    """Versions that differ from the catalogue's defaults. `cell upgrade` writes them, step by step."""

    kubernetes: KubernetesVersionName | None = Field(default=None, description="Control plane, in quotes.")
    addons: KubernetesVersionName | None = Field(
        default=None, description="The add-ons are those of this Kubernetes version. Left out: of kubernetes."
    )
    nodes: KubernetesVersionName | None = Field(default=None, description="Node groups. Left out: kubernetes.")
    aurora: AuroraVersionName | None = Field(default=None, description="Every shard that shards does not name.")
    shards: dict[ShardId, AuroraVersionName] = Field(
        default_factory=dict, description="Shards that run another version than aurora, in an upgrade."
    )
    upgrading: ShardId | None = Field(
        default=None, description="The shard whose engine changes at once and may reach a new major version."
    )
    grace_until: Day | None = Field(
        default=None, description="Until this day a version past its end of support is a warning, not an error."
    )

    @model_validator(mode="after")
    def _nodes_fit_the_control_plane(self) -> Self:
        control_plane = self.kubernetes or catalogue.versions().kubernetes.default
        for key, chosen in (("nodes", self.nodes), ("addons", self.addons)):
            behind = minor_of(control_plane) - minor_of(chosen or control_plane)
            if not 0 <= behind <= KUBELET_SKEW:
                raise ValueError(
                    f"{key}: {chosen} does not go with a control plane of {control_plane}, which takes its own version "
                    f"and the {KUBELET_SKEW} before -> use {control_plane}"
                )
        return self


def minor_of(version: str) -> int:
    """The second number of a version: 36 of 1.36, 7 of 17.7."""
    return int(version.split(".")[1])


def installed(addons: Mapping[str, str], compute: Compute) -> dict[str, str]:
    """Of the catalogue's add-ons, those that a cell installs: in Auto Mode AWS runs what the others do."""
    return {name: addons[name] for name in addons if compute is Compute.MANAGED or name in AUTO_MODE_ADD_ONS}


@dataclass(frozen=True, kw_only=True, slots=True)
class CellVersions:
    """What each part of a cell is to run."""

    kubernetes: str
    """Control plane."""
    nodes: str
    addons_of: str
    """Kubernetes version whose add-on versions these are."""
    addons: Mapping[str, str]
    """Add-on -> version."""
    aurora: str
    """Engine version of every shard that ``shards`` does not name."""
    shards: Mapping[str, str]
    upgrading: str | None
    """The shard whose engine changes at once and may reach a new major version."""


def chosen_versions(settings: VersionSettings) -> CellVersions:
    """The settings with the catalogue's defaults filled in."""
    known = catalogue.versions()
    kubernetes = settings.kubernetes or known.kubernetes.default
    addons_of = settings.addons or kubernetes
    return CellVersions(
        kubernetes=kubernetes,
        nodes=settings.nodes or kubernetes,
        addons_of=addons_of,
        addons=MappingProxyType(known.addons.of(addons_of)),
        aurora=settings.aurora or known.aurora_postgresql.default,
        shards=MappingProxyType(dict(settings.shards)),
        upgrading=settings.upgrading,
    )
