"""Offer what works on every platform; each file is one import."""
