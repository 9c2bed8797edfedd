"""What all commands share: their arguments, their errors, the folders of their results."""
