"""Data sets and runs that tests of several rooms look at."""

from runs import camvid, data, default_run, fit_tiny, mixed, nyuv2, tiny_run

__all__ = ["camvid", "data", "default_run", "fit_tiny", "mixed", "nyuv2", "tiny_run"]
