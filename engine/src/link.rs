//! A component with its imports bound to a host callback.

use crate::abi::{IMPORT_DYNAMIC, IMPORT_SUSPENDS, LINK_EXPORTS_DYNAMIC, TeHostFn, TeStatus};
use crate::component::Compiled;
use crate::direct::bind_direct;
use crate::dynamic::bind_dynamic;
use crate::exports::Signature;
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::imports::bind_typed;
use crate::types::Function;
use crate::wasi::Asks;
use std::collections::BTreeSet;
use std::sync::Arc;
use wasmtime::component::{ComponentExportIndex, InstancePre, Linker, Val};

pub struct Linked {
    pub pre: InstancePre<Host>,
    pub callback: TeHostFn,
    pub exports: Vec<LinkedExport>,
    /// Calls run on a fiber because an import may wait.
    pub suspends: bool,
    pub counts_fuel: bool,
    /// wasmtime's bound on values, in its own units, for each byte of `value_bytes`.
    pub value_cost: u64,
    pub wasi_asks: Asks,
}

pub struct LinkedExport {
    pub function: Arc<Function>,
    pub index: ComponentExportIndex,
    pub signature: Signature,
    /// Takes a state first.
    pub handler: bool,
}

impl Linked {
    pub fn new(compiled: &Compiled, callback: TeHostFn, import_flags: &[u32], link_flags: u32) -> Outcome<Linked> {
        if import_flags.len() != compiled.imports.len() {
            return Err(Failure::argument(format!("{} import flags for {} imports", import_flags.len(), compiled.imports.len())));
        }
        let engine = compiled.component.engine();
        let mut linker = Linker::<Host>::new(engine);
        let mut any_dynamic = bind(&mut linker, compiled, import_flags)?;
        let link = |e: wasmtime::Error| Failure::caused(TeStatus::Link, &e);
        let pre = linker.instantiate_pre(&compiled.component).map_err(link)?;
        let mut exports = Vec::new();
        for export in &compiled.exports {
            let dynamic = link_flags & LINK_EXPORTS_DYNAMIC != 0;
            let signature = if dynamic { Signature::Dynamic } else { Signature::of(&export.function) };
            any_dynamic |= signature == Signature::Dynamic;
            exports.push(LinkedExport {
                function: Arc::clone(&export.function),
                index: export.index,
                signature,
                handler: export.function.is_handler(),
            });
        }
        Ok(Linked {
            pre,
            callback,
            exports,
            suspends: import_flags.iter().any(|flags| flags & IMPORT_SUSPENDS != 0),
            counts_fuel: engine_counts_fuel(engine),
            value_cost: if any_dynamic { dynamic_cost(compiled) } else { 1 },
            wasi_asks: compiled.wasi.asks(),
        })
    }
}

/// Whether a store of this engine has fuel.
fn engine_counts_fuel(engine: &wasmtime::Engine) -> bool {
    wasmtime::Store::new(engine, ()).get_fuel().is_ok()
}

/// A dynamic value takes a `Val`, and in a record a name, where its canonical form takes a byte.
fn dynamic_cost(compiled: &Compiled) -> u64 {
    let functions = compiled.imports.iter().chain(compiled.exports.iter().map(|e| &e.function));
    let longest = functions.map(|f| f.longest_name()).max().unwrap_or(0);
    (size_of::<(String, Val)>() + longest) as u64
}

/// True if an import took the dynamic path.
fn bind(linker: &mut Linker<Host>, compiled: &Compiled, import_flags: &[u32]) -> Outcome<bool> {
    let link = |e: wasmtime::Error| Failure::caused(TeStatus::Link, &e);
    let imported = compiled.imports.iter().map(|f| f.interface.as_str());
    let interfaces: BTreeSet<&str> = imported.chain(compiled.wasi.interfaces()).collect();
    let mut any_dynamic = false;
    for name in &compiled.empty_interfaces {
        linker.instance(name).map_err(link)?;
    }
    for interface in interfaces {
        let mut to = if interface.is_empty() { linker.root() } else { linker.instance(interface).map_err(link)? };
        compiled.wasi.bind(&mut to, interface, import_flags).map_err(link)?;
        for (index, function) in compiled.imports.iter().enumerate().filter(|(_, f)| f.interface == interface) {
            if compiled.wasi.is_asked(index) {
                continue;
            }
            let flags = import_flags[index];
            let suspends = flags & IMPORT_SUSPENDS != 0;
            let index = u32::try_from(index).map_err(|_| Failure::argument("too many imports"))?;
            if flags & IMPORT_DYNAMIC != 0 {
                bind_dynamic(&mut to, function, index, suspends).map_err(link)?;
                any_dynamic = true;
            } else if !bind_typed(&mut to, function, index, suspends).map_err(link)? {
                bind_direct(&mut to, function, index, suspends).map_err(link)?;
            }
        }
    }
    Ok(any_dynamic)
}
