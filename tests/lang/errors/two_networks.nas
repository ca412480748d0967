use "parts/low.nas"
use "parts/lower.nas"
precision high of one { *: weights = i8 }
