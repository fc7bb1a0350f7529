"""Who is called when something needs a human at once: a webhook, a command, or the log alone."""
