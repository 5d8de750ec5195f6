"""Proofs that nothing is written twice and nothing is lost, whatever fails and whenever."""
