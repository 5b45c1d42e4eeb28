import sys

from sagemaker_inference import model_server

if sys.argv[1] != "serve":
    sys.exit(f"this image only serves, and was given {sys.argv[1]!r}")
model_server.start_model_server(handler_service="/opt/program/handler_service.py:handle")
