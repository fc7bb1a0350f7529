"""Pure functions over frozen values. Time, ids, keys and nonces are arguments."""
