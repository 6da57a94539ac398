"""The commands that ask the service, built on the client helper: also an example of its use."""
