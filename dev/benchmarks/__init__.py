"""What does the bundle cost: requests, memory, processor time, writes per second? Never deployed.

`python -m dev.benchmarks` prints the figures and writes build/bench.json. Figures depend on the machine; the promised
bounds are counts, and ratios of two measurements that alternate in one run.
"""
