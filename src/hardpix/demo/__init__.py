"""The demo: one network trained in several ways on generated road scenes, and the page that shows what came of it.

Read `contestants` (what is trained), `side_by_side` (all at the same time), `evaluation`, `findings` and `page`, which
turns findings into one self-contained HTML file. `hardpix.commands.demo` puts them together.
"""
