"""Hold the engine's own tests: leases, the worker, pacing, crashes."""
