"""What whoever typed a command can mend."""


class UsageError(ValueError):
    """What was asked for cannot be done; the message says what to change. The command line prints it alone."""
