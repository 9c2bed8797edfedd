"""Studies: several configurations trained from the same seeds, and what of their difference is more than luck.

Read `plan` first: it says which runs there are. `runs` makes one of them into a line of JSON (`lines`), on this machine
or by Ray (`engines`); `figures`, `table` and `page` show what the lines say, from them alone.
"""
