"""Offer tags to the project's templates."""
