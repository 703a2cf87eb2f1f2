"""Speed and memory as ratios of two things measured in the same run; see docs/bench.md."""
