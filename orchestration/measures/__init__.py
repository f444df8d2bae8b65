"""Measures of the field as pure functions: arrays in, arrays out; no files, no database."""
