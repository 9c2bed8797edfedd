"""What a user may have in a file of their own before it is done."""

Net = undefined  # noqa: F821
