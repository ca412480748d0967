use std/tasks

emit e {
    from: n
    prefix: "tiny
}
