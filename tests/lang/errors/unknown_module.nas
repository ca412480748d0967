use std/mobil
