//! What builds components: C bindings, componentizing, and text to binary.

use crate::abi::TeStatus;
use crate::failure::{Failure, Outcome};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use wit_bindgen_core::Files;
use wit_component::ComponentEncoder;
use wit_parser::{ParseError, Resolve, ResolveError};

fn build_failure(what: &str, error: &anyhow::Error) -> Failure {
    Failure::new(TeStatus::Build, format!("{what}: {error:#}"))
}

/// What is wrong with the WIT text at `path`: with file, line, column and the line itself where the fault lies in a text.
fn wit_failure(path: &Path, resolve: &Resolve, error: &anyhow::Error) -> Failure {
    let placed = error.chain().find_map(|layer| {
        let parsing = layer.downcast_ref::<ParseError>().map(|e| e.render(&resolve.source_map));
        parsing.or_else(|| layer.downcast_ref::<ResolveError>().map(|e| e.render(&resolve.source_map)))
    });
    match placed {
        Some(text) => Failure::new(TeStatus::Build, text),
        None => build_failure(&format!("reading {}", path.display()), error),
    }
}

/// Generated files by name, for `world` of the WIT text at `path`; the only world, if `world` is empty.
pub fn bindgen_c(path: &Path, world: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(path).map_err(|e| wit_failure(path, &resolve, &e))?;
    let wanted = (!world.is_empty()).then_some(world);
    let world = resolve.select_world(&[package], wanted).map_err(|e| build_failure("choosing the world", &e))?;
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    // The generator stops by a panic at types that C has no form for.
    let generated = catch_unwind(AssertUnwindSafe(|| generator.generate(&mut resolve, world, &mut files)));
    let generated =
        generated.map_err(|_| Failure::new(TeStatus::Build, "the interface uses a type that C bindings cannot express"))?;
    generated.map_err(|e| build_failure("generating C bindings", &e))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The error for a WIT text, in a folder of its own.
    fn error_of(name: &str, wit: &str) -> Failure {
        let folder = std::env::temp_dir().join(format!("theater-wit-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("mine.wit"), wit).unwrap();
        let outcome = bindgen_c(&folder, "");
        std::fs::remove_dir_all(&folder).unwrap();
        outcome.expect_err("the text is at fault")
    }

    #[test]
    fn a_syntax_error_names_file_line_and_column() {
        let failure = error_of("syntax", "package my:words;\nworld mine { include }\n");
        assert!(failure.message.contains("mine.wit:2:22"), "{}", failure.message);
        assert!(failure.message.contains("world mine { include }"), "{}", failure.message);
    }

    #[test]
    fn a_missing_package_names_file_line_and_column() {
        let failure = error_of("package", "package my:words;\nworld mine { include not:there/part; }\n");
        assert!(failure.message.contains("mine.wit:2:22"), "{}", failure.message);
        assert!(failure.message.contains("not:there"), "{}", failure.message);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let failure = bindgen_c(Path::new("/no/such/folder"), "").expect_err("there is no such folder");
        assert!(failure.message.contains("/no/such/folder"), "{}", failure.message);
    }

    #[test]
    fn what_c_cannot_express_is_said_in_plain_words() {
        let failure = error_of("type", "package my:words;\nworld mine { import f: func(numbers: list<u8, 4>); }\n");
        assert!(failure.message.contains("C bindings cannot express"), "{}", failure.message);
    }
}
