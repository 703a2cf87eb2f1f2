"""Nothing is kept: no call that makes a link or a sink is served."""

from moto.core.base_backend import BackendDict, BaseBackend


class OamBackend(BaseBackend):  # type: ignore[misc]
    pass


oam_backends = BackendDict(OamBackend, "oam")
