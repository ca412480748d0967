precision of m { *: weights = i8 }
