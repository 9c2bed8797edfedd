"""Commands of the command line, one file each; `hardpix.__main__` chooses among them."""
