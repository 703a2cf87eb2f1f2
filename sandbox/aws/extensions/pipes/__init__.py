"""EventBridge pipes: they settle, and move what a Kinesis stream holds to a queue or a bus."""

import threading

from moto.pipes import models as moto_models

from sandbox.aws.extensions.pipes.models import Pipe, PipesBackend
from sandbox.aws.extensions.pipes.mover import run_forever
from sandbox.aws.extensions.wiring import replace_backend


def install() -> None:
    moto_models.Pipe = Pipe
    replace_backend(moto_models.pipes_backends, moto_models, PipesBackend)
    threading.Thread(target=run_forever, args=(threading.Event(),), name="pipes", daemon=True).start()
