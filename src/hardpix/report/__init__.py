"""The report: its page, pictures, tables, and the comparison of two.

Read `report_builder` first: it adds up what `diagnose_image` says of each image and hands it to `tables`,
`report_pictures` and `write_report`. `corrections`, `queries` and `estimates` are pages of their own; `page_files` has
what they share.
"""
