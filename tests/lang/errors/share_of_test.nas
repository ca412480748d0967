use std/tasks
use std/devices


task t {
    train: idx("train-images", "train-labels")
    test: idx("test-images", "test-labels")
    labels: "a", "b"
    validate: 10 % of test
}
