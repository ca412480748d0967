block conv(x) { return x }
