"""Keep the documented import paths of the web chat; each file is one import."""
