WORD = 'my own'
