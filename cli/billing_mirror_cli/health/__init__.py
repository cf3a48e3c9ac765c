"""Whether a stack is well, and what is wrong with its set-up."""
