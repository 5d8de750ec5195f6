"""Migrations of the reference schema."""
