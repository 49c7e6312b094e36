//! Compiled components and what they import and export.

use crate::abi::TeStatus;
use crate::failure::{Failure, Outcome};
use crate::types::{Function, MAX_TYPE_NODES};
use crate::wasi::{Wasi, is_wasi};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{Component, ComponentExportIndex};

const CORE_MODULE_HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";

pub struct Compiled {
    pub component: Component,
    pub imports: Vec<Arc<Function>>,
    pub exports: Vec<Export>,
    /// Imported interfaces that have types only.
    pub empty_interfaces: Vec<String>,
    pub wasi: Wasi,
}

pub struct Export {
    pub function: Arc<Function>,
    pub index: ComponentExportIndex,
}

impl Compiled {
    pub fn compile(engine: &Engine, wasm: &[u8]) -> Outcome<Compiled> {
        if !wasm.starts_with(b"\0asm") {
            return Err(Failure::new(
                TeStatus::InvalidComponent,
                "not WebAssembly: a binary component starts with the bytes 00 61 73 6d",
            ));
        }
        if wasm.starts_with(&CORE_MODULE_HEADER) {
            return Err(Failure::new(
                TeStatus::InvalidComponent,
                "a core WebAssembly module, not a component: make a component of it first",
            ));
        }
        let component = Component::from_binary(engine, wasm).map_err(|e| Failure::caused(TeStatus::InvalidComponent, &e))?;
        Compiled::inspect(engine, component)
    }

    pub fn load(engine: &Engine, path: &Path) -> Outcome<Compiled> {
        // SAFETY: the ABI has the caller vouch for the file's content; wasmtime checks version and settings.
        let component =
            unsafe { Component::deserialize_file(engine, path) }.map_err(|e| Failure::caused(TeStatus::InvalidComponent, &e))?;
        Compiled::inspect(engine, component)
    }

    pub fn serialize(&self) -> Outcome<Vec<u8>> {
        self.component.serialize().map_err(|e| Failure::caused(TeStatus::Internal, &e))
    }

    fn inspect(engine: &Engine, component: Component) -> Outcome<Compiled> {
        let mut budget = MAX_TYPE_NODES;
        let Imports { functions, empty_interfaces, wasi } = read_imports(engine, &component, &mut budget)?;
        let exports = read_exports(engine, &component, &mut budget)?;
        Ok(Compiled { component, imports: functions, exports, empty_interfaces, wasi })
    }

    pub fn describe(&self) -> String {
        let imports: Vec<_> = self.imports.iter().map(|f| f.describe()).collect();
        let exports: Vec<_> = self.exports.iter().map(|e| e.function.describe()).collect();
        json!({"imports": imports, "exports": exports, "empty_interfaces": self.empty_interfaces}).to_string()
    }
}

fn unsupported(what: &str, where_: &str) -> Failure {
    Failure::new(TeStatus::Unsupported, format!("import `{where_}` is {what}, which the host does not provide"))
}

#[derive(Default)]
struct Imports {
    functions: Vec<Arc<Function>>,
    empty_interfaces: Vec<String>,
    wasi: Wasi,
}

fn read_imports(engine: &Engine, component: &Component, budget: &mut usize) -> Outcome<Imports> {
    let ty = component.component_type();
    let mut imports = Imports::default();
    let Imports { functions, empty_interfaces, wasi } = &mut imports;
    for (name, item) in ty.imports(engine) {
        match item.ty {
            ComponentItem::ComponentInstance(instance) if is_wasi(name) => {
                wasi.read(engine, name, &instance, functions, budget);
            }
            ComponentItem::ComponentFunc(f) => functions.push(read_import("", name, &f, budget)?),
            ComponentItem::ComponentInstance(instance) => {
                let before = functions.len();
                for (function, item) in instance.exports(engine) {
                    match item.ty {
                        ComponentItem::ComponentFunc(f) => functions.push(read_import(name, function, &f, budget)?),
                        ComponentItem::Type(Type::Own(_) | Type::Borrow(_)) | ComponentItem::Resource(_) => {
                            return Err(unsupported("a resource", &format!("{name}#{function}")));
                        }
                        ComponentItem::Type(_) => {}
                        _ => return Err(unsupported("a nested module or instance", &format!("{name}#{function}"))),
                    }
                }
                if functions.len() == before {
                    empty_interfaces.push(name.to_string());
                }
            }
            ComponentItem::Type(Type::Own(_) | Type::Borrow(_)) | ComponentItem::Resource(_) => {
                return Err(unsupported("a resource", name));
            }
            ComponentItem::Type(_) => {}
            ComponentItem::Module(_) | ComponentItem::CoreFunc(_) => return Err(unsupported("a core module", name)),
            ComponentItem::Component(_) => return Err(unsupported("a component", name)),
        }
    }
    Ok(imports)
}

fn read_import(interface: &str, name: &str, ty: &ComponentFunc, budget: &mut usize) -> Outcome<Arc<Function>> {
    Function::read(interface, name, ty, budget).map(Arc::new).map_err(|what| {
        let path = if interface.is_empty() { name.to_string() } else { format!("{interface}#{name}") };
        Failure::new(TeStatus::Unsupported, format!("import `{path}` uses {what}, which cannot cross as bytes"))
    })
}

/// Exported functions that cannot cross as bytes are left out: nobody can call them.
fn read_exports(engine: &Engine, component: &Component, budget: &mut usize) -> Outcome<Vec<Export>> {
    let ty = component.component_type();
    let mut exports = Vec::new();
    let mut add = |interface: &str, name: &str, ty: &ComponentFunc, index, budget: &mut usize| {
        if let Ok(function) = Function::read(interface, name, ty, budget) {
            exports.push(Export { function: Arc::new(function), index });
        }
    };
    for (name, item) in ty.exports(engine) {
        let Some(index) = component.get_export_index(None, name) else { continue };
        match item.ty {
            ComponentItem::ComponentFunc(f) => add("", name, &f, index, budget),
            ComponentItem::ComponentInstance(instance) => {
                for (function, item) in instance.exports(engine) {
                    let inner = component.get_export_index(Some(&index), function);
                    if let (ComponentItem::ComponentFunc(f), Some(inner)) = (item.ty, inner) {
                        add(name, function, &f, inner, budget);
                    }
                }
            }
            _ => {}
        }
    }
    if *budget == 0 {
        return Err(Failure::new(TeStatus::Unsupported, format!("more than {MAX_TYPE_NODES} type nodes")));
    }
    Ok(exports)
}
