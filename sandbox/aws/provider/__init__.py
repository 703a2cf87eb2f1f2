"""The sandbox's AWS provider: a Pulumi plugin over boto3 with the official plugin's inputs and outputs."""
