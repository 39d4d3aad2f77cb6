"""The gate in the server: candidates are asked through what answers people, and what came of it is kept."""
