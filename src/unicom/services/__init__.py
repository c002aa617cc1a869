"""Keep the documented import paths; each file is one import."""
