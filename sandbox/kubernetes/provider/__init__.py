"""The sandbox's Kubernetes provider: a Pulumi plugin that reads the official plugin's inputs and applies server-side."""
