print('looked')
