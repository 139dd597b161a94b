//! pgrx keeps its SQL in a section of the library that nothing refers to, and a linker may throw it away.
//! `cargo pgrx` prevents that with RUSTFLAGS, which would build every dependency twice: once for the library
//! and once for the tests. An argument for the library alone does the same.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
}
