"""Confinement: what a strategy may say (source policy) and the process it runs in (worker)."""

from autarch.sandbox.failure import StrategyRunError
from autarch.sandbox.session import Session
from autarch.sandbox.source_policy import Finding, check_source
from autarch.sandbox.values import Layer, SandboxLevel, TargetRows, Window, WorkerLimits
from autarch.sandbox.worker import Worker, sandbox_report

__all__ = [
    "Finding",
    "Layer",
    "SandboxLevel",
    "Session",
    "StrategyRunError",
    "TargetRows",
    "Window",
    "Worker",
    "WorkerLimits",
    "check_source",
    "sandbox_report",
]
