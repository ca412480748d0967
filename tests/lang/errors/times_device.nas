use std/tasks
use std/devices


fleet ring {
    satellites: 5 * jetson_orin
    orbit: circular(altitude: 500 km, per_plane: 12)
    links: neighbours(optical(rate: 0.5 Gbit/s))
}
