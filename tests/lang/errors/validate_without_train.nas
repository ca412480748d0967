use std/tasks
use std/devices


task t {
    test: idx("test-images", "test-labels")
    labels: "a", "b"
}
