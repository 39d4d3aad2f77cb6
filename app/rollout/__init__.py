"""Which version answers whom, in the server: stages are reached, guarded and left, and every step has a way back."""
