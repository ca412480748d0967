use std/tasks
use std/devices

flet ring { satellites: 5 of cortex_a72 }
