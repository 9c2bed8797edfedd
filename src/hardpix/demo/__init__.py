"""The demo: one small network trained twice on generated road scenes, and the page that shows what came of it.

`hardpix.demo.page` turns findings into one self-contained HTML file; `hardpix.commands.demo` trains and calls it.
"""
