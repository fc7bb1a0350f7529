"""Load: what the parts carry, measured side by side."""
