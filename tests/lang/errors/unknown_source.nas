use std/tasks
use std/devices


task t {
    train: tfrecord("x")
    test: idx("test-images", "test-labels")
    labels: "a", "b"
}
