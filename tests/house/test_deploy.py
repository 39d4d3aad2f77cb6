"""The files of a deployment say only what the product, its settings and its metrics know."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import Metrics
from app.rollout.counts import RolloutCounts, RolloutFigures, figures
from app.settings import PREFIX, Settings
from core.types import Statement
from finetune.rollout.guards import GuardRules, judge
from finetune.rollout.stages import Deployment
from tests.finetune.rollout.people import play

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ENGINE_METRICS = set((ROOT / "tests/data/engine_metrics.txt").read_text().split())
"""Names that vLLM's own /metrics gave; the tests of the engine hold this list to what it exports."""


def promql() -> Iterator[tuple[str, str]]:
    """Every query of the dashboard and of the alerts, with its place."""
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/footnote.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def exported() -> dict[str, set[str]]:
    """Names of the server's samples, each with its labels."""
    metrics = Metrics()
    metrics.request("GET", "/", 200, 0.1)
    metrics.stages("search", {"total": 1.0})
    metrics.job_stages("ingest", {"parse": 1.0})
    metrics.error("not_found")
    metrics.degraded(("rerank_timeout",))
    metrics.answer(answerable=True)
    metrics.support([Statement(text="Yes.", sources=("1",), support=0.8, supported=True)])
    metrics.generator(running=1, waiting=0)
    metrics.feedback("up")
    metrics.run("success", 1.0)
    metrics.step("search_documents", None)
    metrics.cache({"hit": 1, "miss": 1}, evicted=1)
    metrics.stock(documents=1, chunks=1, jobs={"queued": 1})
    metrics.rollouts.say(rolled_out())
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rolled_out() -> RolloutFigures:
    """A trial that a guard has seen something of, and one that it ended."""
    now = datetime.now(UTC)
    trial = Deployment(
        id="d", scope="*", version="hr@aaaaaaaaaaaaaaaa", stage="canary", created_at=now, changed_at=now
    )  # fmt: skip
    seen = play(1, 60)
    counts = RolloutCounts()
    counts.rolled_back(("failures",), 2.0)
    counts.loads["loaded"] += 1
    return figures([trial], {"d": judge(seen.observations, seen.thumbs, GuardRules())}, counts, keeps=True)


def selectors(expression: Any) -> list[Any]:
    found: list[Any] = []

    def note(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        return True

    promql_parser.walk(expression, note)
    return found


@pytest.mark.parametrize(("place", "query"), list(promql()), ids=lambda value: value[:40])
def test_every_query_asks_for_metrics_that_there_are(place: str, query: str) -> None:
    ours = exported()
    found = selectors(promql_parser.parse(query))
    assert found, place
    for selector in found:
        labels = {matcher.name for matcher in selector.matchers.matchers}
        if selector.name.startswith("footnote_"):
            assert selector.name in ours, place
            assert labels <= ours[selector.name], place
        else:
            assert selector.name == "up" or selector.name in ENGINE_METRICS, place


def test_the_reasons_that_an_alarm_sends_people_to_are_there() -> None:
    texts = json.loads((ROOT / "app/web/texts/en.json").read_text())
    reasons = {key.removeprefix("degraded.") for key in texts if key.startswith("degraded.")} - {"other"}
    assert len(reasons) > 8
    listed = (ROOT / "docs/deployment.md").read_text()
    assert {reason for reason in reasons if f"`{reason}`" not in listed} == set()


def test_the_composition_is_valid() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_servers_answer_to_the_name_that_prometheus_asks_them_by() -> None:
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    ours = next(job for job in scraped if job["job_name"] == "footnote")
    hosts = {target.partition(":")[0] for each in ours["static_configs"] for target in each["targets"]}
    allowed = COMPOSE["services"]["server"]["environment"]["FOOTNOTE_HTTP__ALLOWED_HOSTS"]
    assert hosts <= set(json.loads(allowed))


def known(name: str) -> bool:
    """Whether a setting answers to a variable's name."""
    model: Any = Settings
    for part in name.removeprefix(PREFIX).lower().split("__"):
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return False
        model = fields[part].annotation
    return True


def test_the_composition_sets_only_settings_that_there_are() -> None:
    names = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    names |= {name.upper() for name in COMPOSE["secrets"]}
    ours = {name for name in names if name.startswith(PREFIX)}
    assert ours
    assert {name for name in ours if not known(name)} == set()


def test_every_secret_is_written_by_the_script(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    script.write_text((ROOT / "deploy/secrets.sh").read_text())
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    before = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(COMPOSE["secrets"]) <= set(before)
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    subprocess.run(["bash", str(script)], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == before, "kept, not made anew"


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_every_service_is_bounded_and_watched(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service.get("healthcheck"), "says when it works"
    assert service["deploy"]["resources"], "and takes no more than it was given"
    assert not service.get("privileged")
    assert all(":" in volume for volume in service.get("volumes", ()))


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_no_service_has_rights_or_gains_any(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name == "vllm":  # its image knows no other user than root
        return
    assert service["cap_drop"] == ["ALL"]
    image = service["image"]
    of_its_own = image.endswith("-unprivileged") or image.startswith(("prom/", "grafana/")) or image == "footnote"
    assert service.get("user", "root") != "root" or of_its_own


def test_redis_reads_its_password_where_nobody_lists_it(tmp_path: Path) -> None:
    """The composition's own command, on this machine's Redis."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "password").write_text("geheim")
    shell, option, script = COMPOSE["services"]["redis"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets/redis_password", str(tmp_path / "password"))
    script = script.replace("redis-server -", f"redis-server - --port {port} --bind 127.0.0.1", 1)
    with subprocess.Popen([shell, option, script], stdout=subprocess.DEVNULL) as process:
        try:
            assert _said_to_redis(port, b"PING\r\n").startswith(b"-NOAUTH")
            assert _said_to_redis(port, b"AUTH geheim\r\n") == b"+OK\r\n"
            assert b"geheim" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        finally:
            process.terminate()


def _said_to_redis(port: int, words: bytes) -> bytes:
    deadline = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 30) as wire:
                wire.sendall(words)
                return wire.recv(200)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_index_and_its_client_are_of_one_version() -> None:
    image = re.search(r":v(\d+\.\d+)", COMPOSE["services"]["qdrant"]["image"])
    client = re.search(r"^qdrant-client==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert image
    assert client
    assert image[1] == client[1]


def test_the_image_holds_every_room() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for room in ("core", "ingestion", "retrieval", "agents", "serving", "finetune", "app"):
        assert f"COPY {room} {room}\n" in dockerfile
        assert f"!{room}" in ignored
    assert "\nUSER footnote\n" in dockerfile
