"""Models: loaded by digest from the model store, run by onnxruntime on one thread.

Without a pointer in the store the model that is in the image serves. A model that cannot be loaded, or is not what its
name says, is left alone and counted: what served before goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from contracts.fraud import SIGNAL_NAMES, FraudError
from contracts.fraud_models import POINTER, Pointer, digest_of, model_key, parse_pointer
from contracts.fraud_scores import Scale, read_metadata
from workloads.logs import Log
from workloads.scorer import metrics

BASELINE: Final = Path(__file__).parent / "baseline.onnx"
"""Trained on made-up payments by `cell model train --file`; docs/fraud-decision.md says how good it is."""
REFRESH_S: Final = 15.0
_log = Log("models")


class Model:
    """One ONNX file and its scale."""

    def __init__(self, content: bytes) -> None:
        """Raises FraudError for a model of other signals."""
        self.digest = digest_of(content)
        options = onnxruntime.SessionOptions()
        # One row a call: a pool of threads would cost more than it gives, and fight with the event loop.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._scale: Scale = read_metadata(self._session.get_modelmeta().custom_metadata_map)
        self._input = self._session.get_inputs()[0].name

    def score(self, signals: dict[str, float]) -> int:
        """0 to 99."""
        row = np.array([[signals[name] for name in SIGNAL_NAMES]], dtype=np.float32)
        outputs: Any = self._session.run(None, {self._input: row})
        return self._scale.score(float(outputs[1][0][-1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """What the models say of one payment."""

    score: int
    model: str
    shadow: dict[str, int] = field(default_factory=dict)


class Models:
    """The models that the pointer names."""

    def __init__(self, client: Any, bucket: str) -> None:
        """`client`: boto3's s3 client."""
        self._client, self._bucket = client, bucket
        baseline = Model(BASELINE.read_bytes())
        self._baseline = baseline
        self._loaded = {baseline.digest: baseline}
        self.pointer = Pointer(version=0, serving=baseline.digest)

    def score(self, account: str, signals: dict[str, float]) -> Scores:
        """By the model that decides for the account, and beside it by the shadow."""
        model = self._loaded[self.pointer.model_for(account)]
        shadow = self.pointer.shadow
        beside = {shadow: self._loaded[shadow].score(signals)} if shadow else {}
        return Scores(score=model.score(signals), model=model.digest, shadow=beside)

    async def refresh(self) -> None:
        """Takes over the store's pointer if all its models can be loaded."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._refresh)
        except Exception as error:  # the store may be away for hours: decisions go on
            metrics.MODEL_ERRORS.add(kind=type(error).__name__)
            _log.warning("model store not read, the models before stay", error=type(error).__name__)

    def _refresh(self) -> None:
        try:
            text = self._client.get_object(Bucket=self._bucket, Key=POINTER)["Body"].read().decode()
        except self._client.exceptions.NoSuchKey:
            return
        pointer = parse_pointer(text)
        if pointer.version <= self.pointer.version:
            return
        loaded = {digest: self._loaded.get(digest) or self._fetch(digest) for digest in pointer.models}
        # Both are replaced whole: a decision that runs meanwhile sees the old pair or a superset.
        self._loaded = {**self._loaded, **loaded}
        self.pointer = pointer
        self._loaded = {self._baseline.digest: self._baseline, **loaded}
        _log.info("models", version=pointer.version, serving=pointer.serving, canary=pointer.canary_percent)

    def _fetch(self, digest: str) -> Model:
        content = self._client.get_object(Bucket=self._bucket, Key=model_key(digest))["Body"].read()
        if digest_of(content) != digest:
            raise FraudError(f"model {digest}: the store's object has another content; it is not used")
        return Model(content)
