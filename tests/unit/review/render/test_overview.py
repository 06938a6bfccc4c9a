"""Tests of the diagram of components, and of the choice of the riskiest change."""

import re
from dataclasses import replace

from review.render import filters, overview, renderings
from tests.support.review import samples


def test_a_component_is_to_the_right_of_those_on_which_it_depends() -> None:
    changes = [
        replace(samples.change(0, "replace"), component="network"),
        replace(samples.change(1), component="database"),
        replace(samples.change(2, "create"), component="api"),
        replace(samples.change(3), component="api", upstream=["thing-2 (aws:ec2:Thing)"]),
    ]
    drawn = overview.draw(changes)
    places = {component.name: (component.column, component.row) for component in drawn.components}
    assert places == {"network": (0, 0), "database": (1, 0), "api": (2, 0)}
    texts = {component.name: (component.text, component.worst) for component in drawn.components}
    assert texts["api"] == ("1 update, 1 create", "update")
    assert len(drawn.edges) == 2
    assert (drawn.width, drawn.height) == (3 * 168 + 2 * 44 + 4, 48)


def test_a_circle_of_components_has_an_end() -> None:
    changes = [
        replace(samples.change(0), component="a", upstream=["thing-1 (aws:ec2:Thing)"]),
        replace(samples.change(1), component="b"),
    ]
    assert {component.column for component in overview.draw(changes).components} == {0, 1}


def test_without_changes_the_diagram_is_empty() -> None:
    drawn = overview.draw([])
    assert (drawn.components, drawn.edges) == ([], [])


def test_anchors_of_components_are_valid_ids_and_differ() -> None:
    assert overview.anchor("tls-proxy") == "component-tls-proxy"
    names = ("(stack)", "[stack]", "a b", "a_20b", "a_20_b", "\u020b", " b")
    assert len({overview.anchor(name) for name in names}) == len(names)


def test_components_whose_names_differ_in_case_are_two() -> None:
    changes = [replace(samples.change(number), component=name) for number, name in enumerate(("Api", "api"))]
    report = samples.report(changes=changes)
    assert "2 changed resources in 2 components" in renderings.render_html(report)
    assert renderings.render_markdown(report).count("  subgraph ") == 2


def test_only_the_line_about_dependents_is_left_out_of_the_riskiest_change() -> None:
    risk = replace(samples.risk(1), message="Depends on it: nothing", dependents=[])
    page = renderings.render_html(samples.report(findings=[risk]))
    [section] = re.findall(r'<section class="riskiest".*?</section>', page, re.DOTALL)
    assert "Depends on it: nothing" in section


def test_the_page_lists_the_dependents_of_each_resource_with_the_same_message() -> None:
    message = "Depends on it: a, b, c and 1 more"
    risks = [
        replace(samples.risk(number), message=message, dependents=["a", "b", "c", last])
        for number, last in enumerate(("log", "vault"))
    ]
    page = renderings.render_html(samples.report(findings=risks))
    assert re.findall("<li>(log|vault)</li>", page) == ["log", "vault"]


def test_the_riskiest_change_blocks_holds_data_and_has_the_most_dependents() -> None:
    many = replace(samples.risk(2), dependents=["a", "b"])
    few = replace(samples.risk(1), dependents=["a"])
    waived = replace(samples.risk(3), dependents=["a", "b", "c"], blocks=False)
    policy = samples.finding()
    report = samples.report(findings=[policy, few, waived, many])
    assert filters.riskiest(report) == many
    own = replace(many, dependents=["a", "b", "c"], from_head=True)
    assert filters.riskiest(replace(report, findings=[own, few])) == few
    assert filters.riskiest(samples.report(findings=[policy, waived])) == policy
    assert filters.riskiest(samples.report(findings=[samples.finding(status="existing")])) is None


def test_the_page_of_a_policy_is_that_of_the_base_if_the_base_has_the_policy() -> None:
    trees = ["https://example.com/head", "https://example.com/base"]
    rule = samples.finding()
    own = replace(rule, policy="object-shared")
    assert filters.policy_address(rule, trees) == f"{trees[1]}/docs/policies/{rule.policy}.md"
    assert filters.policy_address(own, trees) == f"{trees[1]}/docs/review/findings.md#object-shared"
    new = replace(rule, from_head=True)
    assert filters.policy_address(new, trees) == f"{trees[0]}/docs/policies/{rule.policy}.md"
