"""The virtual loop: time that jumps, seeds that repeat, processes that die without a word."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from .loop import DeadlockError, EndlessError, Process, ProcessDeath, VirtualLoop, run_process


def run(main, **how):
    loop = VirtualLoop(**how)
    try:
        return loop.run_until_complete(main), loop
    finally:
        loop.close()


def test_an_hour_of_sleep_takes_no_time_and_passes_exactly():
    async def main():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    ended, loop = run(main(), origin_s=5.0)

    assert ended == 3605.0
    assert loop.steps < 10


def test_timers_fire_in_time_order_and_a_timeout_cancels_what_it_guards():
    async def main():
        fired = []
        loop = asyncio.get_running_loop()
        for at in (3, 1, 2):
            loop.call_later(at, fired.append, at)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.sleep(100)
        return fired, loop.time()

    (fired, now), _ = run(main())

    assert fired == [1, 2]
    assert now == 2.5


async def interleaving():
    seen = []

    async def walk(name):
        for step in range(4):
            seen.append((name, step))
            await asyncio.sleep(0)

    await asyncio.gather(*(walk(name) for name in "abc"))
    return seen


def test_a_seed_repeats_its_order_and_another_seed_has_another():
    orders = [run(interleaving(), shuffle=Random(seed))[0] for seed in (7, 7, 8)]  # noqa: S311  repeatable is the point

    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_without_a_seed_the_order_is_first_come_first_served():
    assert run(interleaving())[0] == [(name, step) for step in range(4) for name in "abc"]


def test_waiting_for_what_never_comes_is_told_with_its_place():
    async def main():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError, match=r"waits at test_loop.py:\d+"):
        run(main())


def test_spinning_without_time_is_told():
    async def main():
        while True:  # noqa: ASYNC110  spinning is what is tested
            await asyncio.sleep(0)

    with pytest.raises(EndlessError):
        run(main(), steps_max=1000)


def test_a_thread_is_refused():
    async def main():
        await asyncio.to_thread(int)

    with pytest.raises(RuntimeError, match="no threads"):
        run(main())


def test_a_killed_process_runs_neither_on_nor_its_finally_to_any_effect():
    world = []

    async def child(process):
        try:
            await asyncio.sleep(10)
            world.append("child went on")
        finally:
            process.must_live()
            world.append("child tidied up")

    async def body(process):
        task = asyncio.create_task(child(process))
        world.append("began")
        try:
            await asyncio.sleep(5)
            world.append("went on")
            await task
        finally:
            process.must_live()
            world.append("tidied up")

    async def main():
        process = Process("p")
        asyncio.get_running_loop().call_later(1, process.kill)
        found = await run_process(process, body(process))
        await asyncio.sleep(100)
        return found

    assert run(main())[0] is None
    assert world == ["began"]


def test_every_step_of_a_process_can_be_its_last():
    async def body(done):
        for step in range(5):
            await asyncio.sleep(1)
            done.append(step)

    async def main(last, done):
        process = Process("p")

        def at(step):
            if step == last:
                process.kill()

        process.on_step = at
        await run_process(process, body(done))
        return process.steps

    whole: list[int] = []
    steps, _ = run(main(-1, whole))
    ends = []
    for last in range(1, steps + 1):
        done: list[int] = []
        run(main(last, done))
        ends.append(len(done))

    assert whole == [0, 1, 2, 3, 4]
    assert sorted(set(ends)) == [0, 1, 2, 3, 4]


def test_what_a_process_starts_belongs_to_it_and_what_others_started_does_not():
    world = []

    async def tick(name):
        for _ in range(10):
            await asyncio.sleep(1)
            world.append(name)

    async def body():
        asyncio.create_task(tick("inside"))  # noqa: RUF006  the loop holds what sleeps
        await asyncio.sleep(100)

    async def main():
        outside = asyncio.create_task(tick("outside"))
        process = Process("p")
        asyncio.get_running_loop().call_later(2.5, process.kill)
        await run_process(process, body())
        await outside

    run(main())

    assert world.count("inside") == 2
    assert world.count("outside") == 10


def test_death_is_no_exception_that_code_would_handle():
    assert not issubclass(ProcessDeath, Exception)
