use 'mine.nas'
