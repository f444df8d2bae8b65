"""What a practice group sees: pages that read a published release, and nothing else.

Imports nothing else of this repository, so that a page can never reach the warehouse.
"""
