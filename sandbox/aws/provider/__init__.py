"""The sandbox's AWS provider: a Pulumi plugin over boto3 that reads the official plugin's inputs and writes its outputs."""
