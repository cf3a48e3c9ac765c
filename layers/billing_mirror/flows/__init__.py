"""The order of the steps. One file for each function, and what they share; they know ports, not clients."""
