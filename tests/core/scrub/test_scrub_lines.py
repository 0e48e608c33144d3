"""The JSON-lines dialogue of the scrub verb."""

import json

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sidespool.cli.scrub import machine_context, scrub
from sidespool.core.scrub import ScrubContext
from sidespool.core.scrub.lines import LineScrubber


def ask(request: object) -> dict[str, object]:
    made = LineScrubber(ScrubContext(username="marlowe"))
    answer = made.answer(request if isinstance(request, str) else json.dumps(request))
    assert "\n" not in answer
    decoded = json.loads(answer)
    assert isinstance(decoded, dict)
    return decoded


def test_a_request_is_answered_under_its_id() -> None:
    assert ask({"id": 7, "op": "scrub", "input": "by marlowe"}) == {"id": 7, "output": "by {USER}"}


def test_a_template_is_made_on_request() -> None:
    answer = ask({"id": "a", "op": "template", "input": "took 5 rows"})
    assert answer == {"id": "a", "output": "took {NUMBER} rows"}


def test_a_context_replaces_the_machines_own_names() -> None:
    context = {"username": "quill", "project_roots": ["/srv/deal"]}
    answer = ask({"id": 1, "input": "marlowe, quill, /srv/deal/src/a.ts", "context": context})
    assert answer["output"] == "marlowe, {USER}, {PROJECT_PATH}/src/a.ts"


def test_what_is_no_request_is_answered_with_what_to_do() -> None:
    for line in ("", "{", "[]", "7", "null"):
        answer = ask(line)
        assert answer["id"] is None
        assert answer["error"]
    assert "input" in str(ask({"id": 3})["error"])
    assert ask({"id": 3})["id"] == 3
    assert "op" in str(ask({"id": 3, "op": "x", "input": ""})["error"])
    assert "context" in str(ask({"id": 3, "input": "", "context": 5})["error"])
    assert "home" in str(ask({"id": 3, "input": "", "context": {"home": 5}})["error"])
    roots = {"id": 3, "input": "", "context": {"project_roots": [5]}}
    assert "project_roots" in str(ask(roots)["error"])


@given(st.text())
def test_any_line_gets_one_answer(line: str) -> None:
    ask(line)


def test_lone_surrogates_survive_the_dialogue() -> None:
    assert ask('{"id":1,"input":"a \\ud800 b"}')["output"] == "a \ud800 b"


def test_many_contexts_do_not_pile_up() -> None:
    made = LineScrubber(ScrubContext())
    for number in range(40):
        made.answer(json.dumps({"id": 1, "input": "x", "context": {"username": f"u{number}x"}}))
    assert len(made._made) <= 16


def test_the_verb_answers_line_by_line() -> None:
    lines = [{"id": 1, "op": "scrub", "input": "/home/marlowe/a.ts"}, {"id": 2, "input": "hello"}]
    result = CliRunner().invoke(scrub, input="\n".join(map(json.dumps, lines)) + "\nnonsense\n")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert answers[0] == {"id": 1, "output": "{USER_HOME_PATH}/a.ts"}
    assert answers[1] == {"id": 2, "output": "hello"}
    assert answers[2]["id"] is None


def test_the_machine_tells_its_own_context() -> None:
    context = machine_context()
    assert context.home
    assert context.tmp
