"""Watches what is asked, answered and paid for drift, and says when another run of training is worth its price."""
