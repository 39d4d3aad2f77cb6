"""Learning from feedback, in the server: datasets are built, runs are kept going, what came of them is registered."""
