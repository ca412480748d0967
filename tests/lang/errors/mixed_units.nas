let a = 3 ms + 2 KiB
