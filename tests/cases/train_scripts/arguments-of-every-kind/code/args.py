import os, sys
print(sys.argv[1:])
open(os.environ['SM_MODEL_DIR'] + '/m', 'w').close()
