"""A pulse carries the age of the feed's news, the connection's generation and the clocks' difference."""

from __future__ import annotations

from live.observing.vitals import WithVitals
from live.ports.observer import Pulse
from live.venue.bybit.venue import Health

from .journals import CLOSE


class Noted:
    def __init__(self):
        self.events, self.pulses = [], []

    def observe(self, events):
        self.events += events

    def beat(self, pulse):
        self.pulses.append(pulse)


def test_a_wall_clock_ahead_of_the_venue_is_a_negative_offset():
    noted = Noted()
    health = Health(generation=3, connected=True, clock_off_ms=40, trouble="", stale_ms=1200)
    observer = WithVitals(noted, lambda: {"kline.1.BTCUSDT": 900}, lambda: health)

    observer.beat(Pulse(time_ms=CLOSE, seq=7, exposed=True))
    observer.observe(["an event"])

    (pulse,) = noted.pulses
    assert (pulse.generation, pulse.clock_offset_ms, pulse.seq, pulse.exposed) == (3, -40.0, 7, True)
    assert pulse.stale_ms == {"kline.1.BTCUSDT": 900, "private": 1200}
    assert noted.events == ["an event"]


def test_before_the_private_stream_has_spoken_it_has_no_age():
    noted = Noted()
    health = Health(generation=0, connected=False, clock_off_ms=0, trouble="")

    WithVitals(noted, lambda: {"tickers.BTCUSDT": 20}, lambda: health).beat(Pulse(time_ms=CLOSE, seq=1))

    assert noted.pulses[0].stale_ms == {"tickers.BTCUSDT": 20}


def test_on_paper_a_pulse_carries_the_feeds_age_and_no_clock():
    noted = Noted()

    WithVitals(noted, lambda: {"tickers.BTCUSDT": 20}).beat(Pulse(time_ms=CLOSE, seq=1))

    (pulse,) = noted.pulses
    assert (pulse.stale_ms, pulse.clock_offset_ms, pulse.generation) == ({"tickers.BTCUSDT": 20}, None, 0)
