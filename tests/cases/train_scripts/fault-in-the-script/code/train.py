import sys

print('begun')
depth = int(sys.argv[2])
