"""A sample of a frozen population, which anybody can repeat with `sha256sum`.

Records are put in the order of SHA-256 over three lines, each with its end: the seed, the population's digest, the
record's id. The first N are the sample. Who freezes a population does not know the seed, and who gives the seed cannot
change the population any more: the digest is in each of the hashes.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from operations.audit.population import Frozen
from operations.audit.report.escape import terminal
from operations.audit.result import Record, Sha256, Time
from operations.errors import CellError, ExitCode

SCHEMA_VERSION = 1

MAX_SEED = 200

ALGORITHM = "by SHA-256(seed LF population sha256 LF record id LF), ascending, the first N"


class Chosen(Record):
    """One record of the sample."""

    position: int
    """From 1."""
    id: str
    rank: Sha256
    record: Mapping[str, Any]


class Sample(Record):
    """What was chosen, of what, and how to choose it again."""

    schema_version: int = SCHEMA_VERSION
    population: str
    start: Time | None
    end: Time | None
    frozen: Time
    emulated: bool
    population_sha256: Sha256
    count: int
    """Records of the population."""
    seed: str
    size: int
    """As it was asked for; a population that has fewer is taken whole."""
    whole: bool
    """The whole population was taken."""
    algorithm: str = ALGORITHM
    records: tuple[Chosen, ...]


def rank(seed: str, population_sha256: str, record_id: str) -> str:
    """What records are ordered by: `printf '%s\\n' SEED SHA256 ID | sha256sum`."""
    return hashlib.sha256("".join(f"{part}\n" for part in (seed, population_sha256, record_id)).encode()).hexdigest()


def sample(frozen: Frozen, size: int, seed: str, expected_sha256: str = "") -> Sample:
    """Chooses. ``expected_sha256``: the digest as it was told when the population was frozen. Raises CellError."""
    if size < 1:
        raise CellError(f"--size {size}: give 1 or more", ExitCode.CONFIGURATION)
    if not seed.strip() or not seed.isprintable() or len(seed) > MAX_SEED:
        problem = f"give a text of one line, of at most {MAX_SEED} characters"
        raise CellError(terminal(f"--seed {seed[:MAX_SEED]}: {problem}"), ExitCode.CONFIGURATION)
    if expected_sha256 and expected_sha256.lower() != frozen.sha256:
        problem = f"the population has {frozen.sha256}: it is another than the one that was frozen"
        raise CellError(terminal(f"--sha256 {expected_sha256}: {problem}"), ExitCode.CONFIGURATION)
    hashed = {rank(seed, frozen.sha256, str(one["id"])): one for one in frozen.records}
    header = frozen.header
    return Sample(
        population=header.population.value,
        start=header.start,
        end=header.end,
        frozen=header.frozen,
        emulated=header.emulated,
        population_sha256=frozen.sha256,
        count=len(frozen.records),
        seed=seed,
        size=size,
        whole=size >= len(frozen.records),
        records=tuple(
            Chosen(position=number, id=str(hashed[ranked]["id"]), rank=ranked, record=hashed[ranked])
            for number, ranked in enumerate(sorted(hashed)[:size], 1)
        ),
    )
