import os, sys

open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('column AGE is missing')
sys.exit(3)
