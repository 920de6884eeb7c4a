"""Every error Autarch raises on purpose, and whose move each one is.

    AutarchError
    |- UsageError            the caller's command or argument           exit 2
    |- ConfigError           a file or setting of this host             exit 2
    |- DataError             a market data file, lock or store          exit 3
    |- StrategyError         the strategy's author                      exit 1
    |- RefusedError          a rule said no; the text names the cure    exit 1
    |- UndecidedError        we could not compute the answer            exit 3
    |  `- SandboxError       a required layer of confinement is absent
    |- DeployError           a tag, its evidence or its signatures      exit 1
    `- VenueError            the exchange
       |- VenueRejected      nothing happened                           exit 1
       `- VenueUnknown       reconcile before anything else             exit 3

A check that judges a strategy and fails is not an error: it is a `Verdict`.
"""

from __future__ import annotations


class AutarchError(Exception):
    """Base of all errors whose text a user is meant to read: found, expected, next step."""

    exit_code = 2


class UsageError(AutarchError):
    """The command line or a call asks for something that cannot be meant."""


class ConfigError(AutarchError):
    """A file or setting on this host is missing, malformed or contradicts another."""


class DataError(AutarchError):
    """Market data is missing, damaged or not what its lock says."""

    exit_code = 3


class StrategyError(AutarchError):
    """A strategy broke its contract: it raised, timed out, or answered with a bad shape or value."""

    exit_code = 1


class RefusedError(AutarchError):
    """A rule refuses the request; the text names the rule, why, and the fix."""

    exit_code = 1


class UndecidedError(AutarchError):
    """The answer could not be computed; nothing may be concluded from it."""

    exit_code = 3


class SandboxError(UndecidedError):
    """A required layer of confinement is absent or a worker broke its protocol."""


class DeployError(AutarchError):
    """A release does not verify; nothing of it may trade."""

    exit_code = 1


class VenueError(AutarchError):
    """The exchange did not do what was asked."""

    exit_code = 3


class VenueRejected(VenueError):  # noqa: N818  the desk's word for an outcome, and its opposite below
    """The venue said no before anything happened."""

    exit_code = 1


class VenueUnknown(VenueError):  # noqa: N818  likewise
    """The venue may or may not have acted: reconcile before anything else."""
