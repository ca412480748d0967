use "missing.nas"
