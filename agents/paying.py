"""Buy one answer of a model: caps first, our own retries, every attempt on the record, the answer stored at once."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from agents.models import Model
from agents.ports import Attempt, AttemptEnd, Budget, Usage, VendorError
from agents.spending.purse import Asking, Purse
from agents.vendors.wire import Answer, Tokens, Wire, WireError, unpack

ATTEMPTS_MAX = 6
WAIT_FIRST_S, WAIT_MAX_S = 1.0, 60.0
CALL_SECONDS = 600.0
BYTES_A_TOKEN = 3.0
"""Of a request, for its tokens at most (own choice: English and code take about four)."""
OVERHEAD_TOKENS = 1_000
OUTPUT_MAX = 16_000
"""Tokens of one answer that we ask for at most: a strategy takes a tenth."""
DETAIL_MAX = 500


class Answers(Protocol):
    """Where paid-for answers lie; `agents.spending.purse.Purse` is one."""

    def recall(self, name: str) -> bytes | None:
        """Return what was kept under `name`, or None."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep `content`, durable when this returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """Who pays whom, from what, by which price list.

    Attributes:
        priced: Date of the price list.
        clean: Takes secrets out of whatever is recorded.
        clock_ms: Epoch ms.
        sleep: Waits some seconds.
        progress: Told of retries.
    """

    agent: str
    name: str
    model: Model
    priced: str
    purse: Purse
    answers: Answers
    budget: Budget
    clean: Callable[[str], str]
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[str], None] = lambda _line: None

    def buy(self, wire: Wire, body: Mapping[str, Any], *, brief: str, turn: int) -> tuple[Answer, bool]:
        """Return the answer to a request, and whether it was stored before and cost nothing now.

        Raises:
            BudgetError: a cap would be passed; nothing was sent.
            VendorError: the vendor did not answer within ATTEMPTS_MAX attempts, or refused.
        """
        stored = self.answers.recall(answer_name(brief, turn))
        if stored is not None:
            answer = unpack(stored)
            self.purse.settle_stored(self._asking(brief, turn, 0), self._priced(answer.usage), answer.request)
            return answer, True
        at_most = self.worst(body)
        jitter = random.Random(f"{brief} {turn}")  # noqa: S311  spreads retries, and repeats
        failed: WireError | None = None
        for number in range(1, ATTEMPTS_MAX + 1):
            if failed is not None:
                self._wait(failed, number, jitter)
            booked = self.purse.reserve(self._asking(brief, turn, number), at_most, self.budget)
            try:
                answer = wire.send(body, seconds=CALL_SECONDS)
            except WireError as error:
                said = self.clean(str(error))[:DETAIL_MAX]
                end: AttemptEnd = "cut" if error.was_cut else "failed"
                told = (self._lost(error, at_most), end, error.request, error.status, said)
                self.purse.settle(booked, self._attempt(brief, turn, number, told))
                if not error.may_retry:
                    raise self._vendor_error(error, number) from error
                failed = error
                continue
            self.answers.keep(answer_name(brief, turn), answer.pack())
            paid = self._priced(answer.usage)
            self.purse.settle(booked, self._attempt(brief, turn, number, (paid, "answered", answer.request, None, "")))
            return answer, False
        raise self._vendor_error(failed, ATTEMPTS_MAX) from failed

    def output_max(self) -> int:
        """Return the tokens one answer may have, within the model's and the call's."""
        caps = [OUTPUT_MAX, self.model.output_max]
        caps += [self.budget.call.tokens // 2] if self.budget.call.tokens is not None else []
        return max(1, min(caps))

    def worst(self, body: Mapping[str, Any]) -> Usage:
        """Return what a request may cost at most: an estimate of its tokens, and all the answer it may have."""
        size = len(msgspec.json.encode(body))
        asked = body.get("max_tokens") or body.get("max_output_tokens") or OUTPUT_MAX
        into = math.ceil(size / BYTES_A_TOKEN) + OVERHEAD_TOKENS
        return self.model.at_most(input_tokens=into, output_tokens=int(asked))

    def passing(self, body: Mapping[str, Any], *, brief: str, turn: int) -> Passing:
        """Book a call that somebody else makes.

        Raises:
            BudgetError: a cap would be passed.
        """
        at_most = self.worst(body)
        booked = self.purse.reserve(self._asking(brief, turn, 1), at_most, self.budget)
        return Passing(till=self, brief=brief, turn=turn, booked=booked, at_most=at_most)

    def settle_passed(self, passing: Passing, error: WireError | None, tokens: Tokens, status: int) -> None:
        """Record what a call that was booked did cost; one that was cut costs what was told and what may have come."""
        end: AttemptEnd = "answered" if status == 200 else "failed"
        usage = self._priced(tokens, turns=int(status == 200))
        if error is not None:
            end, usage = "cut", self._lost(error, passing.at_most)
        told = (usage, end, "", status or None, "")
        self.purse.settle(passing.booked, self._attempt(passing.brief, passing.turn, 1, told))

    def begin_run(self, brief: str, *, turns: int) -> int:
        """Book a whole run of a program with a subscription of its own, at all the turns it may take.

        Raises:
            BudgetError: a cap would be passed.
        """
        turn = len(self.purse.attempts(brief)) + 1
        return self.purse.reserve(self._asking(brief, turn, 1), Usage(turns=turns, is_estimate=True), self.budget)

    def end_run(self, booked: int, brief: str, tokens: Tokens, *, turns: int, is_whole: bool) -> None:
        """Record what the program reports of it: tokens and turns, and no dollars of ours."""
        usage = replace(tokens.used(is_estimate=not is_whole), turns=turns)
        self.purse.settle(booked, self._attempt(brief, 1, 1, (usage, "answered", "", None, "a subscription's quota")))

    def _wait(self, failed: WireError, number: int, jitter: random.Random) -> None:
        backoff = min(WAIT_MAX_S, WAIT_FIRST_S * 2 ** (number - 2)) * (0.5 + jitter.random())
        seconds = backoff if failed.after_s is None else failed.after_s
        said = " ".join(self.clean(str(failed)).split())[:160]
        self.progress(f"{self.name}: {said}; attempt {number} of {ATTEMPTS_MAX} in {seconds:.1f} s")
        self.sleep(seconds)

    def _attempt(
        self, brief: str, turn: int, number: int, told: tuple[Usage, AttemptEnd, str, int | None, str]
    ) -> Attempt:
        usage, end, request, status, detail = told
        return Attempt(
            agent=self.agent,
            model=self.name,
            brief=brief,
            turn=turn,
            number=number,
            when_ms=self.clock_ms(),
            priced=self.priced,
            usage=usage,
            end=end,
            request=request,
            status=status,
            detail=detail,
        )

    def _lost(self, error: WireError, at_most: Usage) -> Usage:
        """Return what an attempt without an answer cost: nothing, or of a cut one what was told or may have come."""
        if not error.was_cut:
            return self._priced(error.usage, turns=0)
        into = replace(error.usage.used(), output_tokens=0).tokens
        out = max(error.usage.output_tokens, math.ceil(error.text_bytes / BYTES_A_TOKEN))
        if not into:
            lost = replace(at_most, output_tokens=out, turns=0)
        else:
            lost = replace(error.usage.used(is_estimate=True), output_tokens=out, turns=0)
        return replace(lost, usd=self.model.cost(lost))

    def _priced(self, tokens: Tokens, *, turns: int = 1) -> Usage:
        usage = replace(tokens.used(), turns=turns)
        return replace(usage, usd=self.model.cost(usage))

    def _asking(self, brief: str, turn: int, number: int) -> Asking:
        return Asking(
            agent=self.agent,
            model=self.name,
            brief=brief,
            turn=turn,
            number=number,
            priced=self.priced,
            scripted=self.model.scripted,
        )

    def _vendor_error(self, error: WireError | None, number: int) -> VendorError:
        said = self.clean(str(error))
        return VendorError(
            f"{self.name} gave no answer in {number} attempt{'s' if number > 1 else ''}: {said}. "
            "What was answered before is kept; run the same again to go on"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A call of somebody else's that was booked and has to be settled."""

    till: Till
    brief: str
    turn: int
    booked: int
    at_most: Usage

    def settle(self, tokens: Tokens, *, is_whole: bool, status: int, size: int) -> None:
        """Record what it did cost: `tokens` as they were told, `size` the bytes that came."""
        cut = WireError("", may_retry=False, was_cut=True, usage=tokens, text_bytes=size)
        self.till.settle_passed(self, None if is_whole else cut, tokens, status)


def answer_name(brief: str, turn: int) -> str:
    """Return the name under which the answer of a turn is kept."""
    return f"answer {brief} {turn}"
