"""Mutation of the runtime: each rule taken out by one edit, and the test that must fail without it."""
