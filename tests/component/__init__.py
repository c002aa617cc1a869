"""Hold the web chat's component: what the template tag writes, and what a visitor's browser makes of it."""
