"""The profile billdr through the whole program."""
