"""The notifier tells a person that they were reported, to whom, why (TELL-1, TELL-3), and where support is (TELL-5)."""
