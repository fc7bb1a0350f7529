"""Tells the person that they were reported, to whom and why (TELL-1, TELL-3), and where other support is (TELL-5)."""
