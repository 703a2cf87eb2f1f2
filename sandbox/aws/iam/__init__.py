"""IAM as AWS evaluates it, for the workloads that run with roles of the emulated account."""
