"""The console: pages about one stack, for the browser of the person who started it."""
