// One model over several satellites: where it is cut, and how hard each crossing is compressed,
// pipelined, by A*.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/vit
use std/tasks
use std/devices

network observer(image: [28, 28, 1]) -> [10] {
    return image |> vit(dim: 64, depth: 8, heads: 4, patch: 4)
}

fleet ring {
    satellites: 5 of jetson_orin { memory: 8 GiB; power: 30 W }
    orbit:      circular(altitude: 500 km, planes: 1, per_plane: 12)
    links:      neighbours(optical(rate: 0.5 Gbit/s))  // delay follows from the geometry
    ground:     rtx_4070ti, ka_band(rate: 0.8 Gbit/s)
}

split shared of observer over ring {
    task:     fashion
    batch:    64
    pieces:   8
    compress: keep(choice(10 %, 15 %, 22 %, 50 %, 100 %)), values(choice(i4, i8, f16)),
              entropy(true)
    minimize: delay
    require:  memory <= device.memory, accuracy >= uncut - 1 %
    strategy: astar
}

emit stages { from: shared; as: c; one_per: satellite; transport: sockets }

experiment claims {
    compare: shared, ground_only(shared), single_satellite(shared), uniform(shared)
    expect:  shared.delay <= ground_only.delay * 58 %,
             shared.bytes <= ground_only.bytes * 29 %
}
