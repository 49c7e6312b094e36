//! A narrow, WIT-generic bridge to wasmtime: the C ABI of `include/theater_engine.h`.
//!
//! `edge` is what C sees. Under it, `engine` → `component` → `link` → `instance` are the nouns of the ABI. Values cross on one of
//! three paths: typed shapes, known to the compiler (`imports`, `exports`); `direct`, by `lift` and `lower`, for every other
//! signature; and `dynamic`, by wasmtime's dynamic values, for exports with too many parameters and to test the others against.

mod abi;
mod canon;
mod component;
mod direct;
mod dynamic;
mod edge;
mod engine;
mod exports;
mod failure;
mod host;
mod imports;
mod instance;
mod lift;
mod link;
mod lower;
mod tools;
mod types;
mod validate;
mod wasi;

/// Part of what decides whether compiled code may be shared.
pub const VERSION: &str = concat!("theater-engine ", env!("CARGO_PKG_VERSION"), " (wasmtime 48.0.8)");
