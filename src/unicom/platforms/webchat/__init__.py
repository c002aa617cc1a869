"""Chat with visitors of our own site."""
