"""A first contract out of sample exports: inferred, reasoned, and never quoting a cell."""
