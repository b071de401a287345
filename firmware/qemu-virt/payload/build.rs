//! The payloads run wherever they are loaded: linked as position-independent images that relocate themselves (start.S).

fn main() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/payload.ld");
    println!("cargo:rustc-link-arg-bins=-T{script}");
    println!("cargo:rustc-link-arg-bins=-pie");
    println!("cargo:rustc-link-arg-bins=-znotext");
    println!("cargo:rerun-if-changed=payload.ld");
}
