#!/usr/bin/env python3
import argparse

import server

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8080)
server.main(server.Handler, port=parser.parse_args().port)
