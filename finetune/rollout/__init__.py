"""Bringing a version into service by stages, under guards, with a way back."""
