"""Batch transform: files on disk through a running container, as SageMaker does it. Knows addresses and paths only."""
