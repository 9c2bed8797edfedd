"""Trainings with Lightning: the task, the data module, the files of a run, inference.

Read `task.py` first (what a step does), then `data_module.py` (what it is fed) and `run.py` (what is left).
"""
