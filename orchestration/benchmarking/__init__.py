"""Inference on the statistics SQL supplies: arrays and frames in, arrays and frames out; no I/O."""
