"""What we expect of the world: feeds, instruments, practices and the rules they keep.

A leaf package: it imports nothing of ours, and no engine, orchestrator or dashboard.
"""
