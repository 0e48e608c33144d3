"""The alerts file: what it may say, and that each mistake is named."""

import pytest

from sidespool.errors import ConfigError
from sidespool_collector.alert.measuring import check_metrics, measurable, slug
from sidespool_collector.alert.rule import Email, Slack, parse_plan

FILE = """
every = "30s"
[destinations.team]
kind = "slack"
url = "https://hooks.example.org/x"
[destinations.mail]
kind = "email"
to = ["ops@example.org"]
from = "telemetry@example.org"
[[rules]]
name = "many errors"
metric = "errors.errors"
above = 50
window = "2h"
for = "10m"
to = ["team", "mail"]
[[rules]]
name = "new"
kind = "new_error"
to = ["team"]
"""


def test_a_file_becomes_a_plan() -> None:
    plan = parse_plan(FILE)
    assert plan.every_ms == 30_000
    assert isinstance(plan.destinations["team"], Slack)
    assert isinstance(plan.destinations["mail"], Email)
    many, new = plan.rules
    assert (many.above, many.window_ms, many.hold_ms, many.repeat_ms) == (
        50, 7_200_000, 600_000, 86_400_000,
    )  # fmt: skip
    assert (new.window_ms, new.repeat_ms) == (86_400_000, 0)
    check_metrics(plan, set())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("every", "evry", "evry"),
        ('kind = "slack"', 'kind = "pigeon"', "pigeon"),
        ('url = "https://hooks.example.org/x"', "", "needs url"),
        ('url = "https://hooks.example.org/x"', 'url = "ftp://x"', "needs url"),
        ("above = 50", "", "above or below"),
        ('"10m"', '"10 minutes"', "no duration"),
        ('"2h"', '"10m"', "from 1h to 90d"),
        ('to = ["team"]', 'to = ["nobody"]', "no destination 'nobody'"),
        ('name = "new"', 'name = "many errors"', "two rules"),
        ('kind = "new_error"', 'kind = "new_error"\nmetric = "x"', "takes no metric"),
        ('from = "tele', 'from = "a\\r\\nBcc: tele', "line breaks"),
        ('to = ["ops@example.org"]', 'to = ["ops"]', "list of addresses"),
        ('from = "t', 'password_env = "UNSET_HERE"\nfrom = "t', "UNSET_HERE is not set"),
        ("[[rules]]", "[rules", "TOML"),
    ],
)
def test_each_mistake_is_named(old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_plan(FILE.replace(old, new, 1))
    assert caught.value.setting == "COLLECTOR_ALERTS_FILE"
    assert says in str(caught.value) or says == "TOML"


@pytest.mark.parametrize(
    ("metric", "row", "is_known"),
    [
        ("errors.errors", "", True),
        ("latency.p95", "sonata-4", True),
        ("errors.nonsense", "", False),
        ("errors.errors", "row", False),
        ("events.Crash", "", True),
        ("events.Unheard", "", False),
    ],
)
def test_a_metric_must_exist(metric: str, row: str, is_known: bool) -> None:
    text = FILE.replace('"errors.errors"', f'"{metric}"\nrow = "{row}"')
    if is_known:
        check_metrics(parse_plan(text), {"Crash"})
        return
    with pytest.raises(ConfigError, match="there is no metric"):
        check_metrics(parse_plan(text), {"Crash"})


def test_every_chart_can_be_measured() -> None:
    assert slug("Batches with a wrong clock") == "batches_with_a_wrong_clock"
    assert all(names for names in measurable().values())
