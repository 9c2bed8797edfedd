"""Errors in the user's input."""


class UsageError(ValueError):
    """A request that cannot be done; the message says what to change. The command line prints it alone."""
