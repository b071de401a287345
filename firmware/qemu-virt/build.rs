//! Gives each of the two images its own linker script.

fn main() {
    let directory = env!("CARGO_MANIFEST_DIR");
    for image in ["el3", "el2"] {
        println!("cargo:rustc-link-arg-bin={image}=-T{directory}/{image}.ld");
        println!("cargo:rerun-if-changed={image}.ld");
    }
}
