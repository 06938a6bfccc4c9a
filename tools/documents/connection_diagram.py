"""Mermaid diagram of the allowed network connections, for docs/architecture.md."""

from collections.abc import Sequence

from components.common.connections import CONNECTIONS, WORKLOADS, Connection, Party, Pods, Port


def format_connections() -> str:
    """Format the connections as Mermaid; connections that a setting can disallow are dotted."""
    parties = dict.fromkeys(
        party for connection in CONNECTIONS for party in (connection.source, connection.target)
    )
    outside = [party for party in parties if party not in WORKLOADS]
    lines = ["```mermaid", "flowchart LR"]
    lines += [f"  {_node(party)}" for party in outside]
    lines.append('  subgraph workloads["namespace: a NetworkPolicy for each workload"]')
    lines += [f"    {_node(party)}" for party in WORKLOADS]
    lines.append("  end")
    lines += [_edge(group) for group in _groups()]
    return "\n".join([*lines, "```"])


def _groups() -> list[list[Connection]]:
    """Group the connections that differ only in their sources; the diagram has one line per group."""
    groups: dict[tuple[Party, Port | None, str], list[Connection]] = {}
    for connection in CONNECTIONS:
        key = (connection.target, connection.port, connection.condition)
        groups.setdefault(key, []).append(connection)
    return list(groups.values())


def _node(party: Party) -> str:
    opening, closing = ("[", "]") if isinstance(party, Pods) else ("([", "])")
    return f'{party.name}{opening}"{party.name}<br/>{party.description}"{closing}'


def _edge(group: Sequence[Connection]) -> str:
    first = group[0]
    sources = " & ".join(connection.source.name for connection in group)
    port = f"{first.port.name} {first.port.number}" if first.port else ""
    label = ", ".join(part for part in (port, first.condition) if part)
    arrow = "-.->" if first.condition else "-->"
    return f'  {sources} {arrow}|"{label}"| {first.target.name}'
