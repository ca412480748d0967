use std/tasks
use std/devices


fleet ring {
    satellites: 5 of cortex_a72
    orbit: circular(altitude: 500, per_plane: 12)
    links: neighbours(optical(rate: 0.5 Gbit/s))
}
