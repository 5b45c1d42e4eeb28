"""The platform's numbers, with their unit and contract id."""

SECONDS = 1
MIB = 1024 * 1024

PORT = 8080  # H-01
CONNECT_TIMEOUT = 0.25 * SECONDS  # H-02
PING_TIMEOUT = 2 * SECONDS  # H-03
START_TIMEOUT = 480 * SECONDS  # H-04: until /ping says 200
START_TIMEOUT_SERVERLESS = 180 * SECONDS  # S-02
STREAM_TIMEOUT = 480 * SECONDS  # H-09
INVOCATION_TIMEOUT = 60 * SECONDS  # H-09
STOP_GRACE_SERVE = 30 * SECONDS  # H-18: SIGKILL comes this long after SIGTERM
STOP_GRACE_TRAIN = 120 * SECONDS  # T-35
MAX_RUNTIME = 24 * 3600 * SECONDS  # T-42: the default
FAILURE_REASON_CHARS = 1024  # T-32
PAYLOAD = 25 * MIB  # H-10: real-time, by the current documentation
PAYLOAD_SERVERLESS = 4 * MIB  # S-01: each way
IMAGE_SERVERLESS = 10 * 10**9  # S-04: bytes
PAYLOAD_BATCH = 100 * MIB  # B-03: of one request, and of all that are under way at one instance
TRANSFORM_PAYLOAD_MB = 6  # B-03: where neither the job nor the container says
TRANSFORM_TIMEOUT = 600 * SECONDS  # B-08: of one request, where the job does not say
TRANSFORM_TIMEOUT_MOST = 3600 * SECONDS  # B-08
TRANSFORM_RETRIES = 3  # B-08: the default, and the most
TRANSFORM_ENVIRONMENT = 16  # C-11: entries
FILTER_CHARS = 63  # B-09
ERROR_BODY = 2048  # H-17: bytes; our choice, so that the whole sentence reaches the caller
UNPACKED = 256 * MIB  # of a compressed body; our choice, so that a small request cannot fill the memory

# T-23: consumed by the training toolkit or added by tuning jobs, as is every name that begins with `sagemaker_`.
RESERVED_HYPERPARAMETERS = frozenset({"default_user_module_name", "_tuning_objective_metric"})
