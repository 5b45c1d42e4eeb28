WORD = 'mine'
