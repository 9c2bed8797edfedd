"""Labels that look wrong: regions to correct, a page to accept or reject them, and the decisions it saves.

Read `regions.py` first, which finds them; then `page.py`, the page, and `decisions.py`, what it hands back.
"""
