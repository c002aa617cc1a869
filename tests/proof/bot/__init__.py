"""Be the project under proof: it answers everything, and keeps a row of each answer."""
