use std/tasks
use std/devices


fleet ring {
    satellites: 5 of cortex_a72
    orbit: circular(altitude: 500 km, per_plane: 12)
    links: optical(rate: 0.5 Gbit/s)
}
