//! A narrow, WIT-generic bridge to wasmtime: the C ABI of `include/theater_engine.h`.
//!
//! `edge` is what C sees. Under it, `engine` → `component` → `link` → `instance` are the nouns of the ABI; `imports` and
//! `exports` are the typed paths, `dynamic` is the path for every other signature.

mod abi;
mod canon;
mod component;
mod dynamic;
mod edge;
mod engine;
mod exports;
mod failure;
mod host;
mod imports;
mod instance;
mod link;
mod tools;
mod types;

/// Part of what decides whether compiled code may be shared.
pub const VERSION: &str = concat!("theater-engine ", env!("CARGO_PKG_VERSION"), " (wasmtime 48.0.8)");
