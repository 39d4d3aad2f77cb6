"""The drawing of the loop is the loop's."""

from __future__ import annotations

from agents.drawing import BEGIN, EDGES, END, drawing
from agents.graph import build_graph


def test_it_has_the_graph_s_nodes() -> None:
    graph = build_graph(None).get_graph()
    assert {*EDGES, END} == set(graph.nodes)
    told = drawing()
    assert {node["id"] for node in told["nodes"]} == set(graph.nodes)
    assert {"source": BEGIN, "target": "reason"} in told["edges"]


def test_every_node_is_come_to_and_leads_to_the_end() -> None:
    reached, left = set(), [BEGIN]
    while left:
        node = left.pop()
        if node not in reached:
            reached.add(node)
            left += EDGES.get(node, ())
    assert reached == {*EDGES, END}
    before = {END}
    for _ in EDGES:
        before |= {source for source, targets in EDGES.items() if before & set(targets)}
    assert before == reached
