use "parts/low.nas"
use "parts/lower.nas"
use std/devices
task four {
    train: idx("images", "labels")
    test: idx("more-images", "more-labels")
    labels: "a", "b", "c", "d"
}
search s {
    network:   net
    precision: low
    task:      four
    device:    host
    maximize:  accuracy
    train:     supernet(epochs: 1)
}
