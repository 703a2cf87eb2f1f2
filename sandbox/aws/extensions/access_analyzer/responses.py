"""Analyzer and tag operations."""

from typing import Any
from urllib.parse import unquote

from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from sandbox.aws.extensions.access_analyzer.models import AccessAnalyzerBackend, Analyzer, analyzer_backends


class AccessAnalyzerResponse(BaseResponse):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(service_name="accessanalyzer")
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> AccessAnalyzerBackend:
        return analyzer_backends[self.current_account][self.region]  # type: ignore[no-any-return]

    @property
    def request(self) -> dict[str, Any]:
        return dict(self.params)

    def create_analyzer(self) -> ActionResult:
        request = self.request
        made = self.backend.create(
            request["analyzerName"],
            request["type"],
            request.get("configuration"),
            request.get("tags") or {},
            request.get("archiveRules") or [],
        )
        return ActionResult({"arn": made.arn})

    def get_analyzer(self) -> ActionResult:
        return ActionResult({"analyzer": self._analyzer().described()})

    def update_analyzer(self) -> ActionResult:
        analyzer = self._analyzer()
        analyzer.configuration = self.request.get("configuration") or analyzer.configuration
        return ActionResult({"configuration": analyzer.configuration})

    def list_analyzers(self) -> ActionResult:
        kind = self.request.get("type")
        found = [each.described() for each in self.backend.analyzers.values() if kind in (None, each.kind)]
        return ActionResult({"analyzers": found})

    def delete_analyzer(self) -> ActionResult:
        del self.backend.analyzers[self._analyzer().name]
        return EmptyResult()

    def list_archive_rules(self) -> ActionResult:
        return ActionResult({"archiveRules": self._analyzer().rules})

    def tag_resource(self) -> ActionResult:
        self._tagged().tags.update(self.request["tags"])
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        for key in self.request["tagKeys"]:
            self._tagged().tags.pop(key, None)
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"tags": self._tagged().tags})

    def _analyzer(self) -> Analyzer:
        return self.backend.analyzer(self.request["analyzerName"])

    def _tagged(self) -> Analyzer:
        return self.backend.analyzer(unquote(self.request["resourceArn"]))
