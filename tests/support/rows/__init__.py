"""The rows of the acceptance list, one module for each profile."""
