"""The vendors' unmodified libraries against a local server that speaks their wire formats."""

from __future__ import annotations

import json
from dataclasses import replace

import anthropic
import openai
import pydantic
import pytest

from agents.scripted import faults
from agents.scripted.server import KEY, serving
from agents.scripted.talking import Called, Fault, Said
from agents.vendors.anthropic_wire import AnthropicWire
from agents.vendors.openai_wire import OpenAIWire
from agents.vendors.wire import Talk, Tokens, Tool, ToolResult, WireError, unpack

TOOL = Tool(
    name="write_file",
    description="Write.",
    schema={
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    },
)
VENDORS = ("anthropic", "openai")


def a_wire(vendor: str, url: str, key: str = KEY):
    if vendor == "anthropic":
        return AnthropicWire(model="scripted-claude", key=key, base_url=url)
    return OpenAIWire(model="scripted-codex", key=key, base_url=f"{url}/v1")


def a_talk(**changes) -> Talk:
    return Talk(**{"system": "Be brief.", "first": "Write a file.", "tools": (TOOL,), **changes})


@pytest.fixture(params=VENDORS)
def vendor(request):
    return request.param


@pytest.fixture
def play(vendor):
    """Send one request to a script and return the answer, or the error."""

    def sent(script, talk: Talk | None = None, *, seconds: float = 30.0, key: str = KEY):
        with serving(script) as server:
            wire = a_wire(vendor, server.url, key)
            try:
                answer = wire.send(wire.body(talk or a_talk(), output_max=1_000), seconds=seconds)
            except WireError as error:
                return error, server.log
            finally:
                wire.close()
        return answer, server.log

    return sent


def test_words_come_back_as_they_were_said(play):
    answer, _ = play(faults.saying(Said(text="Hello, and 100 % of it.")))

    assert (answer.text, answer.calls, answer.stop) == ("Hello, and 100 % of it.", (), "end")


def test_several_calls_of_one_turn_keep_their_order_and_arguments(play):
    calls = (
        Called(name="write_file", arguments={"name": "a b\n'\""}),
        Called(name="write_file", arguments={"name": ""}),
    )

    answer, _ = play(faults.saying(Said(text="Two.", calls=calls)))

    assert [(c.name, c.arguments) for c in answer.calls] == [(c.name, dict(c.arguments)) for c in calls]
    assert answer.stop == "tools"
    assert len({c.id for c in answer.calls}) == 2


@pytest.mark.parametrize("raw", ['{"name": "a', "[1, 2]", "not json", '"text"', "{" * 5_000])
def test_arguments_that_are_no_object_are_told_as_none_and_cost_the_answer_nothing(play, raw):
    answer, _ = play(faults.saying(Said(calls=(Called(name="write_file", raw=raw),))))

    assert answer.calls[0].arguments is None
    assert answer.calls[0].raw == raw
    assert answer.usage.output_tokens > 0


def test_a_malformed_call_can_be_answered_and_the_conversation_goes_on(play):
    first, _ = play(faults.saying(Said(calls=(Called(name="write_file", raw="{oops"),))))
    talk = a_talk(turns=[(first, (ToolResult(id=first.calls[0].id, text="not JSON", failed=True),), "")])

    answer, log = play(faults.saying(Said(text="x"), Said(text="Again.")), talk)

    assert answer.text == "Again."
    assert "not JSON" in json.dumps(log[0].body)


def test_a_stored_answer_is_the_answer(play):
    answer, _ = play(faults.saying(Said(text="Kept.", calls=(Called(name="write_file", arguments={"name": "x"}),))))

    assert unpack(answer.pack()) == answer


def test_a_refusal_is_told_as_one(play):
    answer, _ = play(faults.refusing("No."))

    assert (answer.stop, answer.text) == ("refused", "No.")


def test_an_answer_cut_at_its_tokens_is_told_as_cut(play):
    answer, _ = play(faults.short(faults.saying(Said(text="x"))))

    assert answer.stop == "limit"


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error"), (503, "api_error")])
def test_a_busy_vendor_may_be_asked_again_and_says_when(play, status, kind):
    error, log = play(faults.saying(Fault(status=status, kind=kind, retry_after="7")))

    assert (error.may_retry, error.status, error.after_s, error.was_cut) == (True, status, 7.0, False)
    assert len(log) == 1  # the library itself did not try again
    assert error.request.startswith("req_")


@pytest.mark.parametrize("after", ["-5", "soon", "nan", "999999"])
def test_nonsense_about_when_is_bounded_or_ignored(play, after):
    error, _ = play(faults.saying(Fault(status=429, retry_after=after)))

    assert error.after_s in {None, 120.0}


def test_a_wrong_key_is_not_tried_again_and_the_key_is_not_repeated(play):
    error, _ = play(faults.saying(Said(text="x")), key="wrong-key-wrong-key")

    assert (error.may_retry, error.status) == (False, 401)
    assert "check the variable" in str(error)
    assert "wrong-key" not in str(error)


def test_an_empty_account_is_not_tried_again(play):
    error, _ = play(faults.saying(Fault(status=429, kind="insufficient_quota", message="no credit")))

    assert not error.may_retry


def test_nobody_listening_may_be_tried_again(vendor):
    with serving(faults.saying(Said(text="x"))) as server:
        url = server.url
    wire = a_wire(vendor, url)

    with pytest.raises(WireError) as caught:
        wire.send(wire.body(a_talk(), output_max=10), seconds=5.0)

    assert caught.value.may_retry
    wire.close()


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_stream_that_breaks_is_told_as_cut_wherever_it_breaks(play, after):
    text = "A long answer. " * 40

    error, _ = play(faults.cutting(faults.saying(Said(text=text)), after=after))

    assert isinstance(error, WireError)
    assert error.may_retry
    assert error.was_cut  # the vendor took the request: it may cost, even when no event came


def test_a_cut_stream_tells_the_tokens_that_were_told_before(play, vendor):
    error, _ = play(faults.cutting(faults.saying(Said(text="word " * 100)), after=5))

    told = error.usage.input_tokens + error.usage.cache_write
    assert (told > 0) is (vendor == "anthropic")  # the other tells them with its last event
    assert error.text_bytes > 0


def test_a_slow_drip_ends_at_its_seconds(play):
    error, _ = play(faults.dripping(faults.saying(Said(text="word " * 400)), pause_s=0.05), seconds=0.2)

    assert error.was_cut
    assert "0 s" in str(error)


def test_tokens_are_told_by_price_and_what_was_read_before_comes_from_the_cache(vendor):
    with serving(faults.saying(Said(text="one " * 50), Said(text="two"))) as server:
        wire = a_wire(vendor, server.url)
        first = wire.send(wire.body(a_talk(), output_max=100), seconds=30.0)
        talk = a_talk(turns=[(first, (), "Go on.")])
        second = wire.send(wire.body(talk, output_max=100), seconds=30.0)
        wire.close()

    size = first.usage.input_tokens + first.usage.cache_write
    assert first.usage == Tokens(input_tokens=16, cache_write=size - 16, output_tokens=50)
    assert second.usage.cache_read == size  # all of the first request is read again, from the cache
    assert second.usage.input_tokens + second.usage.cache_write > 0


def test_the_long_beginning_is_marked_for_the_cache(play, vendor):
    _, log = play(faults.saying(Said(text="x")))
    body = log[0].body

    if vendor == "anthropic":
        assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
        assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    else:
        assert body["prompt_cache_key"]
        assert body["store"] is False


def test_marks_for_the_cache_do_not_pile_up_in_what_is_sent_later(vendor):
    if vendor == "openai":
        pytest.skip("it caches by itself")
    with serving(faults.saying(Said(text="one"), Said(text="two"), Said(text="three"))) as server:
        wire = a_wire(vendor, server.url)
        talk = a_talk()
        for _ in range(3):
            answer = wire.send(wire.body(talk, output_max=100), seconds=30.0)
            talk.turns.append((answer, (), "Go on."))
        wire.close()

    assert json.dumps(server.log[-1].body).count("cache_control") == 2  # the vendor takes four at most


def test_the_tools_a_model_is_offered_are_those_we_have(play):
    _, log = play(faults.saying(Said(text="x")))
    tool = log[0].body["tools"][0]

    assert tool["name"] == "write_file"
    assert (tool.get("input_schema") or tool.get("parameters")) == TOOL.schema


def test_an_unknown_path_is_not_found(vendor):
    with serving(faults.saying(Said(text="x"))) as server:
        wire = a_wire(vendor, f"{server.url}/elsewhere")
        with pytest.raises(WireError) as caught:
            wire.send(wire.body(a_talk(), output_max=10), seconds=5.0)
        wire.close()

    assert (caught.value.status, caught.value.may_retry) == (404, False)


class Review(pydantic.BaseModel):
    verdict: str
    questions: list[str]


def test_what_is_not_streamed_and_what_has_a_schema_is_read_by_the_libraries_own_helpers():
    said = Said(text=json.dumps({"verdict": "unsure", "questions": ["why?"]}))
    with serving(faults.saying(said)) as server:
        claude = anthropic.Anthropic(api_key=KEY, base_url=server.url, max_retries=0)
        codex = openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0)
        with claude, codex:
            one = claude.messages.parse(
                model="m", max_tokens=10, messages=[{"role": "user", "content": "?"}], output_format=Review
            )
            two = codex.responses.parse(model="m", input="?", text_format=Review)
            counted = claude.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x" * 400}])

    assert one.parsed_output == two.output_parsed == Review(verdict="unsure", questions=["why?"])
    assert counted.input_tokens >= 100
    assert [log.body.get("stream") for log in server.log] == [None] * 3
    assert "output_config" in server.log[0].body
    assert server.log[1].body["text"]["format"]["type"] == "json_schema"


def test_the_libraries_stream_helpers_join_what_the_server_sends():
    said = Said(text="Hi.", calls=(Called(name="write_file", arguments={"name": "n"}),))
    with serving(faults.saying(said)) as server:
        claude = anthropic.Anthropic(api_key=KEY, base_url=server.url, max_retries=0)
        codex = openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0)
        with claude, codex:
            asked = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "?"}]}
            with claude.messages.stream(**asked) as stream:
                one = stream.get_final_message()
            with codex.responses.stream(model="m", input="?") as stream:
                two = stream.get_final_response()

    assert [block.type for block in one.content] == ["text", "tool_use"]
    assert one.content[1].input == {"name": "n"}
    assert [item.type for item in two.output] == ["message", "function_call"]
    assert json.loads(two.output[1].arguments) == {"name": "n"}


def test_every_request_is_told_apart_by_how_often_it_was_made():
    script = faults.storm(faults.saying(Said(text="ok")), Fault(status=529), Fault(status=429))
    with serving(script) as server:
        wire = a_wire("anthropic", server.url)
        body = wire.body(a_talk(), output_max=10)
        for expected in (529, 429):
            with pytest.raises(WireError) as caught:
                wire.send(body, seconds=5.0)
            assert caught.value.status == expected
        assert wire.send(body, seconds=5.0).text == "ok"
        other = replace_first(body, "Another.")
        with pytest.raises(WireError):
            wire.send(other, seconds=5.0)
        wire.close()


def replace_first(body, text):
    message = {**body["messages"][0], "content": [{"type": "text", "text": text}]}
    return {**body, "messages": [message]}


def test_two_vendors_bodies_of_one_talk_carry_the_same_words():
    answer = None
    with serving(faults.saying(Said(text="T", calls=(Called(name="write_file", arguments={"name": "n"}),)))) as server:
        wires = [a_wire(vendor, server.url) for vendor in VENDORS]
        bodies = []
        for wire in wires:
            answer = wire.send(wire.body(a_talk(), output_max=10), seconds=5.0)
            results = (ToolResult(id=answer.calls[0].id, text="RESULT"),)
            bodies.append(json.dumps(wire.body(replace(a_talk(), turns=[(answer, results, "")]), output_max=10)))
            wire.close()

    for word in ("Be brief.", "Write a file.", "RESULT"):
        assert all(word in body for body in bodies)
