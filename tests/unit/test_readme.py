"""What the README says is what the code says: settings, make targets, ids of the demo, links."""

import json
import re
from pathlib import Path

import pytest
from click import Option

from analytics.analytics_pb2 import DESCRIPTOR
from analytics.cli.commands import user, watch, workflow
from analytics.cli.objects import KEYS
from analytics.cli.range_commands import COMMANDS as RANGE_COMMANDS
from analytics.settings import ServiceSettings, Settings, load
from analytics.store.users import UserSettings
from processor.importing.settings import ImportSettings
from processor.settings import ProcessorSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

EACH_KIND = pytest.mark.parametrize(
    ("title", "kind", "inherited"),
    [
        ("Both programs", Settings, set()),
        ("Service", ServiceSettings, set(Settings.model_fields)),
        ("Processor", ProcessorSettings, set(Settings.model_fields)),
        ("Import", ImportSettings, set(ProcessorSettings.model_fields)),
    ],
    ids=["both", "service", "processor", "import"],
)
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def section(title: str) -> str:
    """The text under a heading, up to the next one."""
    (_, text) = re.split(rf"^#+ {title}\n", README, flags=re.MULTILINE)
    return re.split(r"^#+ ", text, maxsplit=1, flags=re.MULTILINE)[0]


def documented(title: str) -> dict[str, str]:
    """The settings in a table of the README, with their defaults; an empty one: not set."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| *(?:`(.*?)`)? *\|", section(title), re.MULTILINE)
    return dict(rows)


def code_of(page: Path) -> str:
    """What a page shows as code."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL))


@EACH_KIND
def test_every_setting_is_in_its_table(title, kind, inherited):
    """The README's tables list the settings of the code, no more and no fewer."""
    assert set(documented(title)) == {name.upper() for name in set(kind.model_fields) - inherited}


@EACH_KIND
def test_the_defaults_are_the_real_ones(monkeypatch, title, kind, inherited):
    """A default of the README, put into the environment, gives the default of the code."""
    table = documented(title)
    for name, default in table.items():
        monkeypatch.delenv(name, raising=False)
        if default:
            monkeypatch.setenv(name, default)
    settings = load(kind)
    for name in table:
        assert getattr(settings, name.lower()) == kind.model_fields[name.lower()].default, name


def test_the_settings_of_create_users_are_in_their_table():
    """They have no defaults: all are required."""
    own = {
        name: field for name, field in UserSettings.model_fields.items() if name not in Settings.model_fields
    }
    assert documented("Users of ClickHouse") == {name.upper(): "" for name in own}
    assert all(field.is_required() for field in own.values())


@EACH_PAGE
def test_every_make_target_named_exists(page):
    """`make something` in a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code_of(page))) <= targets


def test_every_target_of_make_help_is_explained():
    """The table of targets has what `make help` lists."""
    listed = re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.MULTILINE)
    assert re.findall(r"^\| `make ([a-z-]+)` \|", section("Make targets"), re.MULTILINE) == listed


@EACH_PAGE
def test_every_link_leads_somewhere(page):
    """A link to a file of the project finds that file."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert [link for link in links if ":" not in link and not (page.parent / link).exists()] == []


def test_the_methods_in_the_examples_exist():
    """The grpcurl lines call every method of the service, and nothing else."""
    service = DESCRIPTOR.services_by_name["AnalyticsService"]
    called = set(re.findall(r"analytics\.AnalyticsService/(\w+)", README))
    assert called == {method.name for method in service.methods}


def test_the_example_answer_is_the_true_one():
    """The ids and totals shown are those of the corpus that `make run` plays."""
    expected = json.loads((ROOT / "tests" / "data" / "small.expected.json").read_text())
    user, workflow = re.findall(r"^(?:USER|WORKFLOW)_ID=(\S+)$", README, re.MULTILINE)
    (example,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    answer = json.loads(example)
    assert {name: int(answer[name]) for name in expected["users"][user]} == expected["users"][user]
    assert any(one["workflow_id"] == workflow and one["user_id"] == user for one in expected["workflows"])


def test_the_python_example_compiles():
    """The Python example is Python."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    compile(example, "README.md", "exec")


def test_the_settings_of_commands_that_ask_are_their_options():
    """The README's table has the environment variables of the commands, with their defaults."""
    options = {
        option.envvar: option for option in user.params if isinstance(option, Option) and option.envvar
    }
    table = documented("Commands that ask")
    assert set(table) == set(options)
    assert {name: default for name, default in table.items() if default} == {
        name: option.default for name, option in options.items() if isinstance(option.default, str)
    }
    for command in (workflow, watch, *RANGE_COMMANDS):
        assert set(options) <= {option.envvar for option in command.params}


def test_every_key_of_the_json_is_explained():
    """The page on asking has the keys with the meaning that the code gives them."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", (ROOT / "docs" / "asking.md").read_text(), re.MULTILINE)
    assert rows == list(KEYS.items())


def test_the_exit_codes_of_commands_that_ask_are_those_of_their_help():
    """The page on asking says of each what `--help` says."""
    page = (ROOT / "docs" / "asking.md").read_text().replace("`", "")
    assert user.epilog
    helped = [line.split(maxsplit=1) for line in user.epilog.splitlines() if line.startswith(" ")]
    assert [list(row) for row in re.findall(r"^\| (\d+) \| (.+) \|$", page, re.MULTILINE)] == helped
