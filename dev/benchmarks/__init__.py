"""What the bundle takes for what it does: requests, memory, processor time, writes a second. Never deployed.

`python -m dev.benchmarks` prints it and writes build/bench.json. Figures are of the machine they were measured
on; what is promised are counts, and ratios of two things that were measured in one run, in turns.
"""
