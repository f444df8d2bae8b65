"""Practices with a known truth, written out in their native export shapes."""

from orchestration.simulation.run import SimulationSummary, simulate
from orchestration.simulation.settings import ScoreTarget, SimulationSettings

__all__ = ["ScoreTarget", "SimulationSettings", "SimulationSummary", "simulate"]
