"""Real trading processes over real sockets, killed at random moments: nothing lost, nothing doubled."""

from __future__ import annotations

import pytest

from benchmarks.live.deaths import Found, compare, die, start, venue
from benchmarks.live.venue import wall_ms
from live.journal import Journal


@pytest.mark.slow
def test_processes_killed_at_random_moments_lose_and_double_nothing(tmp_path):
    found = die(3, tmp_path, seed=1)

    assert found.wrong == []
    assert found.deaths == 3
    assert found.orders > 0
    assert found.fills >= 1


@pytest.mark.soak
def test_two_hundred_deaths_lose_and_double_nothing(tmp_path):
    found = die(200, tmp_path, seed=2)

    assert found.wrong == []
    assert found.restarts_s


def ended(at, path, **how):
    """Start a trader, wait until it ends by itself, and return its exit code and complaint."""
    process = start(at, path, start_ms=wall_ms() + 1000, **how)
    _, complaint = process.communicate(timeout=120)
    return process.returncode, complaint


@pytest.mark.slow
def test_a_disk_that_takes_no_more_ends_a_real_process_that_has_sent_nothing_else(tmp_path):
    path, found = tmp_path / "journal.sqlite3", Found()
    with venue() as at:
        code, complaint = ended(at, path, n_bars=10**6, file_bytes=120_000)
        rows = at.do(lambda: list(at.site.exchange.accounts["1"].executions))
        held = at.do(lambda: {s: h.qty for s, h in at.site.exchange.accounts["1"].holdings.items()})

    assert code != 0
    assert "nothing is sent any more" in complaint or "journal" in complaint
    assert {row.order_link_id for row in rows} <= links(path)
    compare(path, [], dict.fromkeys(held, 0), found)  # the chain verifies


def links(path):
    with Journal(path, account="sim") as journal:
        return {event.ref for event in journal.events("intent")}


@pytest.mark.slow
def test_a_real_process_refuses_a_journal_whose_last_page_is_damaged_and_sends_nothing(tmp_path):
    path = tmp_path / "journal.sqlite3"
    with venue() as at:
        code, complaint = ended(at, path, n_bars=4)
        assert (code, complaint[-300:]) == (0, "")
        before = at.do(lambda: len(at.site.exchange.accounts["1"].orders))
        whole = path.read_bytes()
        path.write_bytes(whole[:-4096] + bytes(len(whole[-4096:])))

        code, complaint = ended(at, path, n_bars=10**6)

        assert code != 0
        assert "journal.sqlite3" in complaint
        assert at.do(lambda: len(at.site.exchange.accounts["1"].orders)) == before


@pytest.mark.slow
def test_a_real_process_refuses_a_journal_that_it_may_only_read_and_sends_nothing(tmp_path):
    path = tmp_path / "journal.sqlite3"
    with venue() as at:
        Journal(path, account="sim").close()
        path.chmod(0o444)
        account = at.site.exchange.accounts["1"]
        before = at.do(lambda: {symbol: holding.leverage for symbol, holding in account.holdings.items()})

        code, complaint = ended(at, path, n_bars=10**6)

        assert code != 0
        assert "may only be read; check its owner, its mode and how the disk is mounted" in complaint
        assert at.do(lambda: len(account.orders)) == 0
        assert at.do(lambda: {symbol: holding.leverage for symbol, holding in account.holdings.items()}) == before
