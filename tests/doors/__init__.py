"""`make doors`: mutated disclosures through every door; each gives the same verdict, and none shows input."""
