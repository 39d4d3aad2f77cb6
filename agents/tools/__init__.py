"""The tools of agents, one a file: a schema, an effect class, a timeout and a function. `base` says what a tool is."""
