use "parts/left.nas"
use "parts/right.nas"
device mine : board { clock: 1 MHz }
