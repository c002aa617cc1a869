"""Prove under fire that nothing is lost, doubled or out of order: real processes, killed at random."""
