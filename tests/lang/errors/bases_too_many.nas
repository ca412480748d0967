use std/tasks
use std/devices

device d0 : cortex_m4 { ram: 16 KiB }
device d1 : d0 { ram: 16 KiB }
device d2 : d1 { ram: 16 KiB }
device d3 : d2 { ram: 16 KiB }
device d4 : d3 { ram: 16 KiB }
device d5 : d4 { ram: 16 KiB }
device d6 : d5 { ram: 16 KiB }
device d7 : d6 { ram: 16 KiB }
device d8 : d7 { ram: 16 KiB }
device d9 : d8 { ram: 16 KiB }
device d10 : d9 { ram: 16 KiB }
device d11 : d10 { ram: 16 KiB }
device d12 : d11 { ram: 16 KiB }
device d13 : d12 { ram: 16 KiB }
device d14 : d13 { ram: 16 KiB }
device d15 : d14 { ram: 16 KiB }
device d16 : d15 { ram: 16 KiB }
device d17 : d16 { ram: 16 KiB }
device d18 : d17 { ram: 16 KiB }
device d19 : d18 { ram: 16 KiB }
device d20 : d19 { ram: 16 KiB }
device d21 : d20 { ram: 16 KiB }
device d22 : d21 { ram: 16 KiB }
device d23 : d22 { ram: 16 KiB }
device d24 : d23 { ram: 16 KiB }
device d25 : d24 { ram: 16 KiB }
device d26 : d25 { ram: 16 KiB }
device d27 : d26 { ram: 16 KiB }
device d28 : d27 { ram: 16 KiB }
device d29 : d28 { ram: 16 KiB }
device d30 : d29 { ram: 16 KiB }
device d31 : d30 { ram: 16 KiB }
device d32 : d31 { ram: 16 KiB }
device d33 : d32 { ram: 16 KiB }
