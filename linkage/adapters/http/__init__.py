"""HTTP: signals to our webhook, bodies to a receiver behind it."""
