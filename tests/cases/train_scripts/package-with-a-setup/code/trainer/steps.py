WORD = 'steps'
