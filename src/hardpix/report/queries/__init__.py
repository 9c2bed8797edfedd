"""Regions to label next, as tables, pictures, a page, and tasks of annotation tools.

Read `regions.py` first; then `page.py`, the page, and `cvat.py` and `label_studio.py`, the tasks.
"""
