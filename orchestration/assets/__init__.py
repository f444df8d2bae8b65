"""Dagster assets: thin shells that name the work and report what came of it."""
