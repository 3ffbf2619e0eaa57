//! The committed header says what the library has.

use std::path::Path;

const INTRODUCTION: &str = "\
/* The connector and the enqueue token of Anteroom, for C and for whatever can call C.
 *
 * Written by a test from crates/capi/src; do not edit. docs/engineers.md has a guide, and
 * crates/capi/examples/c a program.
 *
 * Texts are UTF-8, a pointer and a length in bytes. What goes in is only read during the call. What
 * comes out belongs to the library until it is given back with the free function of its kind. Set
 * every struct to zero, then its struct_size, then what is meant. An engine may be used by any number
 * of threads at once, also while its config is replaced; only anteroom_engine_free must be alone.
 */";

/// Where what is declared stands, in the order of the header.
const SOURCES: [&str; 8] = [
    "lib.rs",
    "failure.rs",
    "reason.rs",
    "abi.rs",
    "engine.rs",
    "decide.rs",
    "enqueue_token.rs",
    "memory.rs",
];

/// With `ANTEROOM_WRITE_HEADER=1` the header is written instead of compared.
#[test]
fn header_is_what_the_sources_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(INTRODUCTION.to_owned()),
        include_guard: Some("ANTEROOM_H".to_owned()),
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::C99,
        line_length: 110,
        tab_width: 4,
        usize_is_size_t: true,
        ..cbindgen::Config::default()
    };
    let builder = SOURCES.iter().fold(cbindgen::Builder::new().with_config(config), |builder, source| {
        builder.with_src(root.join("src").join(source))
    });
    let mut written = Vec::new();
    builder.generate().unwrap().write(&mut written);
    let written = String::from_utf8(written).unwrap();
    let path = root.join("include/anteroom.h");
    if std::env::var_os("ANTEROOM_WRITE_HEADER").is_some_and(|value| value == "1") {
        std::fs::write(&path, &written).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == written,
        "include/anteroom.h is not current; run this test with ANTEROOM_WRITE_HEADER=1"
    );
}
