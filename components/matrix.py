"""What NetworkPolicies let through beside what is needed, as edges between named parties."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Edge:
    """`client` opens connections to `server`."""

    client: str
    server: str

    def __str__(self) -> str:
        return f"{self.client} -> {self.server}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Edges that the policies allow beside those that are wanted."""

    clients: tuple[str, ...]
    servers: tuple[str, ...]
    wanted: frozenset[Edge]
    allowed: frozenset[Edge]
    """Both ends let the connection pass, on every port and address of the server."""
    opened: frozenset[Edge]
    """A policy of one end opens some of it, whether or not the other end does: a grant to be accounted for."""
    strays: tuple[str, ...] = ()
    """Rules that concern more than any party: addresses, ports or pods that nobody declared; and workloads that no
    policy guards."""

    @property
    def missing(self) -> tuple[Edge, ...]:
        """Wanted and refused, at least in part."""
        return tuple(sorted(self.wanted - self.allowed))

    @property
    def superfluous(self) -> tuple[Edge, ...]:
        """Opened by a policy, and nobody needs it."""
        return tuple(sorted(self.opened - self.wanted))

    def check(self) -> None:
        """Raises `ValueError` with every edge on which policies and needs differ, and every stray rule."""
        problems = [f"{edge}: needed, but no policy allows all of it" for edge in self.missing]
        problems += [f"{edge}: a policy opens it, but {edge.client} does not need it" for edge in self.superfluous]
        problems += self.strays
        if problems:
            raise ValueError(f"workload.needs: {'; '.join(problems)}; correct needs, serves or the policy")

    def table(self) -> str:
        """Clients down, servers across: `yes` allowed, `MISSING` and `EXTRA` differ from the needs, `.` closed."""
        rows = [["", *self.servers]]
        rows += [[client, *(self._cell(client, server) for server in self.servers)] for client in self.clients]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _cell(self, client: str, server: str) -> str:
        edge = Edge(client=client, server=server)
        if edge in self.wanted:
            return "yes" if edge in self.allowed else "MISSING"
        return "EXTRA" if edge in self.opened else "."
