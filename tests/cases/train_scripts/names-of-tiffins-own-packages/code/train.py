import os

import model
from serve import app

print(model.WORD, app.WORD)
open(os.environ['SM_MODEL_DIR'] + '/m', 'w').close()
