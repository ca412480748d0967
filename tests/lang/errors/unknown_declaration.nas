serach s {
    network: n
}
