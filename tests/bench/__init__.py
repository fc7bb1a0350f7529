"""The benchmark: the workers beside other stream processors, and the cost of their state."""
