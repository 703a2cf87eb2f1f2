"""CodeBuild: changing a project, its key and its limit of builds; a project without source. Nothing is ever built.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_UpdateProject.html
"""

from collections.abc import Iterable
from typing import Any

from moto.codebuild import responses, urls
from moto.codebuild.exceptions import ResourceNotFoundException
from moto.codebuild.responses import CodeBuildResponse as MotoResponse
from moto.core.responses import ActionResult
from moto.core.utils import unix_time

from sandbox.aws.extensions.wiring import replace_response

NO_SOURCE = "NO_SOURCE"

NO_LIMIT = -1
"""Takes a limit of builds away."""

_check = responses._validate_required_params_source

KEPT = ("encryptionKey", "concurrentBuildLimit", "badgeEnabled", "fileSystemLocations", "autoRetryLimit")
"""Parameters of a project that moto drops."""

CHANGED = (
    *(
        "description",
        "source",
        "sourceVersion",
        "artifacts",
        "cache",
        "environment",
        "serviceRole",
        "tags",
        "vpcConfig",
    ),
    *("timeoutInMinutes", "queuedTimeoutInMinutes", "logsConfig", "vpcConfig"),
    *KEPT,
)
"""Parameters of UpdateProject."""


class CodeBuildResponse(MotoResponse):  # type: ignore[misc]
    def create_project(self) -> Any:
        answer = super().create_project()
        self._project().update(self._given(KEPT))
        return answer

    def update_project(self) -> ActionResult:
        """What is left out stays as it is; tags are replaced as a whole."""
        found = self._project()
        found.update(self._given(CHANGED) | {"lastModifiedDate": unix_time()})
        if found.get("concurrentBuildLimit") == NO_LIMIT:
            found.pop("concurrentBuildLimit")
        return ActionResult({"project": found})

    def _given(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: value for name in names if (value := self._get_param(name)) is not None}

    def _project(self) -> dict[str, Any]:
        name = self._get_param("name")
        found = self.codebuild_backend.codebuild_projects.get(name)
        if found is None:
            raise ResourceNotFoundException(f"Project cannot be found: {name}")
        metadata: dict[str, Any] = found.project_metadata
        return metadata


def _check_source(source: dict[str, Any]) -> None:
    """moto asks for a location also where there is no source, and AWS refuses one."""
    if source["type"] != NO_SOURCE:
        _check(source)


def install() -> None:
    responses._validate_required_params_source = _check_source
    replace_response(urls, MotoResponse, CodeBuildResponse)
