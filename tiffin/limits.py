"""The platform's numbers, with their unit and contract id."""

SECONDS = 1
MIB = 1024 * 1024

PORT = 8080  # H-01
INVOCATION_TIMEOUT = 60 * SECONDS  # H-09
STOP_GRACE_SERVE = 30 * SECONDS  # H-18: SIGKILL comes this long after SIGTERM
STOP_GRACE_TRAIN = 120 * SECONDS  # T-35
FAILURE_REASON_CHARS = 1024  # T-32
PAYLOAD = 25 * MIB  # H-10: real-time, by the current documentation
PAYLOAD_BATCH = 100 * MIB  # B-03
ERROR_BODY = 2048  # H-17: bytes; our choice, so that the whole sentence reaches the caller
UNPACKED = 256 * MIB  # of a compressed body; our choice, so that a small request cannot fill the memory

# T-23: consumed by the training toolkit or added by tuning jobs, as is every name that begins with `sagemaker_`.
RESERVED_HYPERPARAMETERS = frozenset({"default_user_module_name", "_tuning_objective_metric"})
