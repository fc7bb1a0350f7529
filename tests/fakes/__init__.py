"""Fakes that several tests share, one for each thing."""
