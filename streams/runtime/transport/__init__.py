"""Reads records through Faust and aiokafka, and passes each lane its batches.

This package holds the code that is pinned to Faust 0.15.3 and aiokafka 0.14.0. The faults behind each override are in
decision 0027. It imports `streams.runtime.lane`; a lane never imports it.
"""
