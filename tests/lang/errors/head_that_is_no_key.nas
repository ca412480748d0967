use std/devices

device small of cortex_m4 { ram: 16 KiB }
