//! What builds components: C bindings, componentizing, and text to binary.

use crate::abi::TeStatus;
use crate::failure::{Failure, Outcome};
use std::path::Path;
use wit_bindgen_core::Files;
use wit_component::ComponentEncoder;
use wit_parser::Resolve;

fn build_failure(what: &str, error: &anyhow::Error) -> Failure {
    Failure::new(TeStatus::Build, format!("{what}: {error:#}"))
}

/// Generated files by name, for `world` of the WIT text at `path`; the only world, if `world` is empty.
pub fn bindgen_c(path: &Path, world: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(path).map_err(|e| build_failure(&format!("reading {}", path.display()), &e))?;
    let wanted = (!world.is_empty()).then_some(world);
    let world = resolve.select_world(&[package], wanted).map_err(|e| build_failure("choosing the world", &e))?;
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, world, &mut files).map_err(|e| build_failure("generating C bindings", &e))?;
    Ok(files.iter().map(|(name, content)| (name.to_string(), content.to_vec())).collect())
}

pub fn componentize(module: &[u8]) -> Outcome<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| build_failure("making a component of the module", &e))
}

pub fn wat_to_wasm(text: &str) -> Outcome<Vec<u8>> {
    wat::parse_str(text).map_err(|e| Failure::new(TeStatus::Build, e.to_string()))
}
