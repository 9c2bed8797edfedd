"""Parts that commands share: arguments, the configuration file, errors, folders of results."""
