"""Volumes that were kept of former writers: read by PostgreSQL in single-user mode, which ends with its answer."""

from pathlib import Path

from sandbox.dataplane.databases.server import Programs, ServerError


def newest(folder: Path) -> Path | None:
    """The volume of a cluster that was kept last, by when it got its name."""
    found = [path for path in folder.glob("*/data.before-*") if path.is_dir()]
    return max(found, key=lambda path: path.stat().st_ctime, default=None)


def read(programs: Programs, volume: Path, database: str, query: str) -> str:
    """What a SELECT finds in a volume, a row a line. Nothing else may use the volume meanwhile; what its server had in
    its log only is recovered first. Raises `ServerError`."""
    answer = volume.with_name(f"{volume.name}.answer")
    # A line is a statement here.
    copy = f"COPY ({' '.join(query.split())}) TO '{answer}' (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02');\n"
    try:
        programs.run("postgres", "--single", "-D", volume, database, text=copy)
        if not answer.exists():
            raise ServerError(f"{volume.name}: the query was refused")
        return answer.read_text()
    finally:
        answer.unlink(missing_ok=True)
