"""Holds a candidate against the champion by rules that were written before anything was asked."""
