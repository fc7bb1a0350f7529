"""Pure functions over frozen values; time, ids, keys and nonces come in as arguments."""
