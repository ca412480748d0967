use std/tasks
use std/devices


fleet ring {
    satellites: 5 of jetson_orin(memory: 8 GiB)
    orbit: circular(altitude: 500 km, per_plane: 12)
    links: neighbours(optical(rate: 0.5 Gbit/s))
}
