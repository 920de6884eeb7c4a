"""How the presets differ from ci/policy.toml: value and sentence of every changed limit, the rest as it is."""

from __future__ import annotations

import re

Changes = dict[str, dict[str, tuple[str, str]]]

RESEARCH: Changes = {
    "warmup": {
        "disagreement_frac_max": (
            "0.005",
            "Research: ten times standard, so that an idea is seen before its warm-up is tuned.",
        )
    },
    "memory": {"earned_frac_max": ("0.1", "Research: twice standard; the thesis is on trial here, not its last bar.")},
    "risk": {
        "drawdown_frac_max": ("0.60", "Research: paper survives it, and sizing is settled later."),
        "leverage_max": ("5.0", "Research: room to see what an idea does when it is pushed."),
        "liquidation_distance_frac_min": ("0.05", "Research: near enough to hurt, far enough to keep the run whole."),
        "turnover_per_day_max": ("50.0", "Research: fast ideas are looked at before they are slowed down."),
        "expected_shortfall_frac_max": ("0.12", "Research: twice standard."),
        "worst_day_frac_max": ("0.30", "Research: twice standard."),
        "participation_frac_max": ("0.25", "Research: capacity is studied later, at the size that will be traded."),
        "crash_loss_frac_max": ("0.60", "Research: twice standard."),
        "leverage_unused_max": ("3.0", "Research: a ceiling may be generous while sizes are looked for."),
    },
    "lanes": {
        "asked_per_epoch_max": (
            "20",
            "Research: refactoring is most of the work, and nothing here reaches a real venue.",
        )
    },
}
STRICT: Changes = {
    "causality": {
        "cuts": ("12000", "Strict: twice standard, since time is cheaper than a false result."),
        "fresh_cuts": ("100", "Strict: twice standard."),
        "poisoned_blocks": ("120", "Strict: twice standard."),
    },
    "warmup": {
        "disagreement_frac_max": ("0.0001", "Strict: a fifth of standard; a longer warm-up costs nothing but history."),
        "compared_frac_min": ("0.5", "Strict: half of the bars must be able to disagree."),
    },
    "memory": {
        "disagreement_frac_max": ("0.0001", "Strict: a tenth of standard."),
        "rounding_frac_max": ("0.02", "Strict: a fifth of standard; decisions at a tick's edge are noise."),
        "earned_frac_max": ("0.02", "Strict: hardly more than chance."),
    },
    "parity": {
        "bars": ("6000", "Strict: twice standard."),
        "changes": ("1000", "Strict: twice standard."),
        "random_bars": ("400", "Strict: twice standard."),
    },
    "backtest": {"fills_min": ("100", "Strict: a strategy that trades less is judged by hand, or not at all.")},
    "risk": {
        "drawdown_frac_max": ("0.20", "Strict: a loss that a quarter of gain makes good again."),
        "leverage_max": ("1.5", "Strict: half of standard."),
        "liquidation_distance_frac_min": ("0.30", "Strict: beyond any day of the majors since 2020."),
        "turnover_per_day_max": ("6.0", "Strict: half of standard; what trades less depends less on assumed costs."),
        "expected_shortfall_frac_max": ("0.03", "Strict: half of standard."),
        "worst_day_frac_max": ("0.08", "Strict: about half of standard."),
        "participation_frac_max": ("0.02", "Strict: small enough that the impact model is not leaned on."),
        "leverage_unused_max": ("1.1", "Strict: what was never used was never judged."),
        "crash_hour_frac": ("0.20", "Strict: a third more than standard; such hours have happened."),
        "crash_loss_frac_max": ("0.20", "Strict: no more than the drawdown that is allowed at all."),
    },
    "robustness": {
        "independent_bets_min": ("60", "Strict: twice standard."),
        "effective_bets_min": ("20.0", "Strict: twice standard."),
        "time_in_market_frac_min": ("0.05", "Strict: one bar in twenty."),
        "annual_return_min": ("0.05", "Strict: more than what idle cash would earn."),
        "costs_factor": ("2.0", "Strict: all costs doubled."),
        "folds_not_losing_frac_min": ("0.8", "Strict: four of five; half asks for three."),
        "worst_fold_loss_frac_max": ("0.1", "Strict: half of standard."),
        "jitter_lost_frac_max": ("0.3", "Strict: a broad plateau."),
        "noise_lost_frac_max": ("0.15", "Strict: little more than honest strategies have been seen to lose."),
        "numbers_lost_frac_max": ("0.15", "Strict: as for noise."),
        "same_direction_max": ("0.95", "Strict: near cousins must retire one another as well."),
        "alike_max": ("0.95", "Strict: near cousins must retire one another as well."),
    },
    "evidence": {
        "search_sets": ("48", "Strict: twice standard."),
        "pbo_max": ("0.4", "Strict: the best of the search must do better than a coin."),
        "loss_frac_max": ("0.4", "Strict: likewise."),
    },
    "lanes": {"asked_per_epoch_max": ("1", "Strict: once, as the holdout is opened once for each decision digest.")},
    "tiers": {
        "probe_capital_frac": ("0.01", "Strict: half of standard."),
        "probe_together_frac": ("0.03", "Strict: three probes at a time."),
        "promoted_frac": ("0.1", "Strict: less than half of standard."),
    },
    "promotion": {
        "judged_per_day_max": ("1", "Strict: one a day."),
        "forward_e_value_min": ("40.0", "Strict: twice standard."),
    },
}
HEADS = {
    "research": "# Preset research: limits for looking at ideas on paper. Laws stay laws; real venues refuse it.",
    "strict": "# Preset strict: limits for who would rather trade nothing than something doubtful.",
}
CHANGES: dict[str, Changes] = {"standard": {}, "research": RESEARCH, "strict": STRICT}
_KEY = re.compile(r"(\w+) = ")
_TABLE = re.compile(r"\[(\w+)\]")


def derived(name: str, policy: str) -> str:
    """Return the preset `name` as it follows from the text of ci/policy.toml; KeyError for a change of no key."""
    left = {(table, key) for table, keys in CHANGES[name].items() for key in keys}
    lines, table = [], ""
    for line in policy.splitlines():
        found = _TABLE.match(line)
        table = found[1] if found else table
        key = _KEY.match(line)
        changed = CHANGES[name].get(table, {}).get(key[1]) if key else None
        if key is None or changed is None:
            lines.append(line)
            continue
        left.remove((table, key[1]))
        lines += [f"# {changed[1]}", f"{key[1]} = {changed[0]}"]
    if left:
        raise KeyError(f"ci/policy.toml has no {sorted(left)}")
    if name != "standard":
        lines[0] = HEADS[name]
    text = re.sub(r"datasets = \[.*\]", 'datasets = ["synthetic"]', "\n".join(lines) + "\n")
    text = text.replace('preset = "standard"', f'preset = "{name}"')
    return _for_paper(text) if name == "research" else text


def _for_paper(text: str) -> str:
    advice = '# Research: shown, and not held against an idea.\nrobustness = "advice"'
    for old, new in (
        ("paper_only = false", "paper_only = true"),
        (', "robustness", "evidence"]', "]"),
        ('robustness = "limit"', advice),
        ('evidence = "limit"', 'evidence = "advice"'),
    ):
        assert text.count(old) == 1, f"ci/policy.toml holds {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text
