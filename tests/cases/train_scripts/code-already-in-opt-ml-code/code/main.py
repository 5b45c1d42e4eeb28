import os, sys
print(os.getcwd() == os.environ['SAGEMAKER_BASE_DIR'] + '/code', sys.argv)
open(os.environ['SM_MODEL_DIR'] + '/m', 'w').close()
