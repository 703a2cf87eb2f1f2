"""The sandbox's Kubernetes provider: reads the official plugin's inputs, writes its outputs, applies server-side."""
