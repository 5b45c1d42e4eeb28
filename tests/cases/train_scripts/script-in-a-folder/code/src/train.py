import os

import beside

print(beside.WORD)
open(os.environ['SM_MODEL_DIR'] + '/m', 'w').close()
