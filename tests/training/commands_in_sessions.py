"""Runs commands of hardpix, each in a process and session of its own, without importing everything for each of them.

Takes a line of JSON for each, [file for what it says, word, …], says its process, and its exit code when it has ended.
"""

import json
import os
import sys

import my_networks

# Everything that fit imports later is here before the first command.
import hardpix.commands.fit
from hardpix.__main__ import main

assert hardpix.commands.fit
assert my_networks


def run_lines() -> None:
    for line in sys.stdin:
        output, *words = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setsid()
            print(os.getpid(), flush=True)
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for stream in (1, 2):
                os.dup2(file, stream)
            # As at the end of `python -m hardpix`: what the interpreter does when it ends belongs to the command.
            raise SystemExit(main(words))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    run_lines()
