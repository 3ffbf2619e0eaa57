//! Gives the shared library its name. Without one, a runtime that has loaded it by its path does not find it again by
//! name: Mono looks for `DllImport("anteroom_capi")` among the names of what is loaded.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match system.as_str() {
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libanteroom_capi.so");
        }
        "macos" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libanteroom_capi.dylib");
        }
        _ => {}
    }
}
