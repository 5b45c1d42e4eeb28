"""Who one is here: moto's own account for any key it has not given out, and keys that AWS does not know."""

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "LOCALONLYNOTAREALKEY", "not-a-secret"
