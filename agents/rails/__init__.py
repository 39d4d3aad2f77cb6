"""Guardrails: what every text passes on its way, whatever way it takes."""
