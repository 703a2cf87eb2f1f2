"""Both lists, which are empty."""

from moto.core.responses import ActionResult, BaseResponse


class OamResponse(BaseResponse):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(service_name="oam")
        self.automated_parameter_parsing = True

    def list_links(self) -> ActionResult:
        return ActionResult({"Items": []})

    def list_sinks(self) -> ActionResult:
        return ActionResult({"Items": []})
