"""End-to-end tests: a whole deployment of processes, broker and agencies, as it is run."""
