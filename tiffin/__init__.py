"""The container contract as code: what `serve`, `train`, `local_test` and a plug share."""

__version__ = "0.1.0"
