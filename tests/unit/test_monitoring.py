"""Dashboard, alerts and pages: everything that they name exists, and nothing that exists is left out."""

import json
import re
from pathlib import Path

import promql_parser as promql
import pytest
import yaml
from prometheus_client import REGISTRY

from analytics.settings import ServiceSettings
from analytics.store.users import UserSettings
from pages.metrics import every_metric
from pages.written import PAGES
from processor.importing.settings import ImportSettings
from processor.settings import ProcessorSettings

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PROMETHEUS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "analytics.json").read_text())
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

OF_SCRAPING = {"job", "instance"}
OF_EVERY_PROGRAM = {
    family.name + suffix: set()
    for family in REGISTRY.collect()
    if family.name.startswith(("process_", "python_"))
    for suffix in ("", "_total")
}
OURS = {series: set(one.labels) for one in every_metric() for series in one.series}
BUCKETS = {series for series in OURS if series.endswith("_bucket")}
SERIES = {"up": set()} | OF_EVERY_PROGRAM | OURS

QUERIES = [rule["expr"] for rule in RULES] + [target["expr"] for target in TARGETS]
EACH_QUERY = pytest.mark.parametrize("query", QUERIES)
EACH_ALERT = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def parsed(query):
    return promql.parse(query.replace("$__rate_interval", "5m"))


def nodes(query, kind):
    found = []

    def visit(node):
        if isinstance(node, kind):
            found.append(node)

    promql.walk(parsed(query), pre_visit=visit)
    return found


def labels_of(series):
    return SERIES[series] | OF_SCRAPING | ({"le"} if series in BUCKETS else set())


def matched(selector):
    return {matcher.name for matcher in selector.matchers.matchers}


# --- queries ---


@EACH_QUERY
def test_a_query_asks_for_metrics_that_exist(query):
    """Prometheus says nothing of a metric that does not exist: the alert would just never fire."""
    assert [one.name for one in nodes(query, promql.VectorSelector) if one.name not in SERIES] == []


@EACH_QUERY
def test_a_query_selects_by_labels_that_its_metrics_have(query):
    for selector in nodes(query, promql.VectorSelector):
        assert matched(selector) <= labels_of(selector.name), selector.name


@EACH_QUERY
def test_a_query_keeps_labels_that_its_metrics_have(query):
    """`sum by (topci)` is one sum of all."""
    for aggregate in nodes(query, promql.AggregateExpr):
        if aggregate.modifier is not None:
            below = [one.name for one in nodes(str(aggregate.expr), promql.VectorSelector)]
            assert set(aggregate.modifier.labels) <= set.intersection(*map(labels_of, below))


@EACH_QUERY
def test_a_quantile_is_of_buckets_by_their_bound(query):
    for quantile in (one for one in nodes(query, promql.Call) if one.func.name == "histogram_quantile"):
        (selector,) = nodes(str(quantile.args[1]), promql.VectorSelector)
        (aggregate,) = nodes(str(quantile.args[1]), promql.AggregateExpr)
        assert selector.name in BUCKETS
        assert "le" in aggregate.modifier.labels


@EACH_QUERY
def test_only_counters_have_rates(query):
    """A rate of a gauge is a number without meaning."""
    counting = ("_total", "_bucket", "_sum", "_count")
    for call in (one for one in nodes(query, promql.Call) if one.func.name in ("rate", "increase")):
        (selector,) = nodes(str(call), promql.VectorSelector)
        assert selector.name.endswith(counting)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"][:60])
def test_a_legend_names_labels_that_are_left(target):
    named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    kept = [set(one.modifier.labels) for one in nodes(target["expr"], promql.AggregateExpr) if one.modifier]
    assert named <= set().union(*kept)


def test_the_dashboard_shows_every_metric_of_ours():
    shown = {one.name for target in TARGETS for one in nodes(target["expr"], promql.VectorSelector)}
    assert [one.name for one in every_metric() if not shown & set(one.series)] == []


# --- alerts ---


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@EACH_ALERT
def test_an_alert_has_a_section_that_says_what_to_do(rule):
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(OPERATIONS)


def section(title):
    """The text under a heading of the page on operations, up to the next one of its kind or above."""
    (_, text) = re.split(rf"^### {title}\n", OPERATIONS, flags=re.MULTILINE)
    return re.split(r"^##", text, maxsplit=1, flags=re.MULTILINE)[0]


@EACH_ALERT
def test_that_section_says_what_it_means_where_to_look_and_what_to_do(rule):
    text = section(rule["alert"])
    assert [word for word in ("**Means**", "**Look at**", "**Do**") if word not in text] == []


@EACH_ALERT
def test_an_alert_wakes_somebody_or_waits_for_the_morning(rule):
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert f"({rule['labels']['severity']}" in section(rule["alert"])


def test_every_section_on_an_alert_is_of_one_that_exists():
    of_alerts = OPERATIONS.split("\n## Alerts\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", of_alerts, re.MULTILINE) == [rule["alert"] for rule in RULES]


@EACH_ALERT
def test_the_words_of_an_alert_name_labels_that_are_left(rule):
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    series = [one.name for one in nodes(rule["expr"], promql.VectorSelector)]
    kept = [set(one.modifier.labels) for one in nodes(rule["expr"], promql.AggregateExpr) if one.modifier]
    assert named <= (set().union(*kept) or set.intersection(*map(labels_of, series)))


# --- how it is loaded ---


def test_prometheus_scrapes_both_programs_where_compose_has_them():
    for job in PROMETHEUS["scrape_configs"]:
        (found,) = job["dns_sd_configs"]
        assert found["names"] == [job["job_name"]]
        assert COMPOSE[job["job_name"]]["environment"]["METRICS_PORT"] == found["port"]


def test_jobs_that_queries_name_are_scraped():
    named = set(re.findall(r'job="(\w+)"', " ".join(QUERIES)))
    assert named <= {job["job_name"] for job in PROMETHEUS["scrape_configs"]}


def test_monitoring_is_a_profile():
    """Who does not ask for it does not get it."""
    assert [name for name, one in COMPOSE.items() if one.get("profiles") == ["monitoring"]] == [
        "prometheus",
        "grafana",
    ]


def test_what_compose_mounts_is_there():
    mounts = [volume for one in COMPOSE.values() for volume in one.get("volumes", [])]
    sources = [one.split(":")[0] for one in mounts if isinstance(one, str) and one.startswith("./")]
    assert sources
    assert [one for one in sources if not (ROOT / one).exists()] == []


def test_the_files_that_they_load_are_where_they_look():
    mounts = dict(
        volume.split(":")[1::-1]
        for name in ("prometheus", "grafana")
        for volume in COMPOSE[name]["volumes"]
        if volume.startswith("./")
    )
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/analytics.yml").read_text())[
        "providers"
    ][0]
    wanted = [
        *PROMETHEUS["rule_files"],
        f"{provider['options']['path']}/analytics.json",
        COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"],
    ]
    for path in wanted:
        folder, _, name = path.rpartition("/")
        assert (ROOT / mounts[folder] / name).exists(), path


# --- pages ---


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_fresh(path):
    """If not: `make docs`."""
    assert path.read_text() == PAGES[path]()


def test_every_metric_has_a_unit_and_a_meaning():
    assert [one.name for one in every_metric() if not one.unit or not one.meaning.endswith(".")] == []


def test_names_follow_the_convention_of_prometheus():
    """Lower case, the unit last, `_total` for counters only."""
    for one in every_metric():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", one.name)
        assert (one.kind == "counter") == one.name.endswith("_total")
        assert one.name.removesuffix("_total").endswith(one.unit.rpartition(" ")[2])


def settings_of_the_page():
    page = (ROOT / "docs" / "settings.md").read_text()
    return dict(re.findall(r"^\| `([A-Z_]+)` \| .* \| (.*) \|$", page, re.MULTILINE))


def test_every_setting_has_a_meaning():
    assert [name for name, meaning in settings_of_the_page().items() if not meaning] == []


def test_the_page_has_every_setting_and_no_others():
    kinds = ServiceSettings, ProcessorSettings, ImportSettings, UserSettings
    fields = {name.upper() for kind in kinds for name in kind.model_fields}
    assert set(settings_of_the_page()) == fields


def test_every_probe_is_explained():
    assert [path for path in ("/live", "/ready", "/metrics") if f"`{path}`" not in OPERATIONS] == []


def events_of_the_code():
    sources = [path for folder in ("analytics", "processor") for path in (ROOT / folder).rglob("*.py")]
    found = r'_log\.(?:debug|info|warning|error)\(\s*"(\w+)"'
    return {event for path in sources for event in re.findall(found, path.read_text())}


def test_every_log_event_is_explained_and_none_that_does_not_exist():
    """In the table of docs/operations.md: who sees one at night looks there."""
    table = OPERATIONS.split("\n### Logs\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (`.*?) \| (?:debug|info|warning|error)", table, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"why"}
    assert explained == events_of_the_code()
