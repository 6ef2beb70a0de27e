"""One module a command: parse, call, show. No arithmetic here."""
