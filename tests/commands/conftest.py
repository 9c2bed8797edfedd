"""Data sets and runs that tests of several rooms look at."""

from runs import data, fit_tiny, mixed, tiny_run

__all__ = ["data", "fit_tiny", "mixed", "tiny_run"]
