"""Faults that were found in public reports of systems like this one, each case by its name.

`table.py` has every case with its kind, what is right, the tests of the case and those of its family. `inputs/` has the
inputs of the cases that have one; `test_inputs.py` gives each of them to the code. All people are invented.
"""
