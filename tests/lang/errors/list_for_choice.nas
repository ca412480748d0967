use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

fleet ring {
    satellites: 5 of cortex_a72
    orbit: circular(altitude: 500 km, per_plane: 12)
    links: neighbours(optical(rate: 0.5 Gbit/s))
}

split shared of n over ring {
    task: fashion
    minimize: delay
    compress: keep([10 %, 50 %])
}
