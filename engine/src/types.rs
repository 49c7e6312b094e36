//! Interface types as a tree of our own: what describes, encodes and picks shapes needs no wasmtime handle.

use serde_json::{Value, json};
use wasmtime::component::types::{ComponentFunc, Type};

/// A component may not describe more type nodes than this in all its functions.
pub const MAX_TYPE_NODES: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Ty>),
    Record(Vec<(String, Ty)>),
    Tuple(Vec<Ty>),
    Variant(Vec<(String, Option<Ty>)>),
    Enum(Vec<String>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Flags(Vec<String>),
}

/// One function that crosses the sandbox.
#[derive(Clone, Debug)]
pub struct Function {
    /// Empty for a function at the world's top level.
    pub interface: String,
    pub name: String,
    pub params: Vec<(String, Ty)>,
    pub result: Option<Ty>,
}

impl Function {
    /// Fails with the name of what cannot cross as bytes: a resource, a stream, a map…
    pub fn read(interface: &str, name: &str, ty: &ComponentFunc, budget: &mut usize) -> Result<Function, String> {
        let mut params = Vec::new();
        for (param, ty) in ty.params() {
            params.push((param.to_string(), Ty::read(&ty, budget)?));
        }
        let mut results = ty.results();
        let result = results.next().map(|ty| Ty::read(&ty, budget)).transpose()?;
        if ty.async_() {
            return Err("an async function".into());
        }
        Ok(Function { interface: interface.into(), name: name.into(), params, result })
    }

    /// "interface#function", or just the function at the top level.
    pub fn path(&self) -> String {
        if self.interface.is_empty() { self.name.clone() } else { format!("{}#{}", self.interface, self.name) }
    }

    /// `func(option<list<u8>>, tuple<…>) -> result<tuple<option<list<u8>>, …>, string>`
    pub fn is_handler(&self) -> bool {
        self.handler_parts().is_some()
    }

    /// Of a handler: the types in its parameter tuple, and those that it returns after the state.
    pub fn handler_parts(&self) -> Option<(&[Ty], &[Ty])> {
        let [(_, state), (_, Ty::Tuple(params))] = self.params.as_slice() else { return None };
        let Some(Ty::Result(Some(ok), Some(err))) = &self.result else { return None };
        let Ty::Tuple(items) = ok.as_ref() else { return None };
        let (first, rest) = items.split_first()?;
        (state.is_optional_bytes() && first.is_optional_bytes() && **err == Ty::String).then_some((params, rest))
    }

    /// The types of the parameters that a caller passes as canonical bytes: a handler's tuple without the state, or all.
    pub fn params_to_pass(&self) -> impl Iterator<Item = &Ty> {
        let skip = usize::from(self.is_handler());
        self.params.iter().skip(skip).map(|(_, ty)| ty)
    }

    /// Length of the longest field, case or flag name, in bytes.
    pub fn longest_name(&self) -> usize {
        self.params.iter().map(|(_, ty)| ty).chain(&self.result).map(Ty::longest_name).max().unwrap_or(0)
    }

    pub fn describe(&self) -> Value {
        let params: Vec<Value> = self.params.iter().map(|(n, t)| json!({"name": n, "type": t.describe()})).collect();
        json!({
            "interface": self.interface, "function": self.name, "params": params,
            "result": describe_optional(self.result.as_ref()), "handler": self.is_handler(),
        })
    }
}

impl Ty {
    pub fn is_bytes(&self) -> bool {
        matches!(self, Ty::List(item) if **item == Ty::U8)
    }

    pub fn is_optional_bytes(&self) -> bool {
        matches!(self, Ty::Option(item) if item.is_bytes())
    }

    fn read(ty: &Type, budget: &mut usize) -> Result<Ty, String> {
        let Some(left) = budget.checked_sub(1) else {
            return Err(format!("more than {MAX_TYPE_NODES} type nodes"));
        };
        *budget = left;
        Ok(match ty {
            Type::Bool => Ty::Bool,
            Type::S8 => Ty::S8,
            Type::U8 => Ty::U8,
            Type::S16 => Ty::S16,
            Type::U16 => Ty::U16,
            Type::S32 => Ty::S32,
            Type::U32 => Ty::U32,
            Type::S64 => Ty::S64,
            Type::U64 => Ty::U64,
            Type::Float32 => Ty::F32,
            Type::Float64 => Ty::F64,
            Type::Char => Ty::Char,
            Type::String => Ty::String,
            Type::List(list) => Ty::List(Box::new(Ty::read(&list.ty(), budget)?)),
            Type::Record(record) => Ty::Record(
                record.fields().map(|f| Ok((f.name.to_string(), Ty::read(&f.ty, budget)?))).collect::<Result<_, String>>()?,
            ),
            Type::Tuple(tuple) => Ty::Tuple(tuple.types().map(|t| Ty::read(&t, budget)).collect::<Result<_, String>>()?),
            Type::Variant(variant) => Ty::Variant(
                variant
                    .cases()
                    .map(|c| Ok((c.name.to_string(), c.ty.map(|t| Ty::read(&t, budget)).transpose()?)))
                    .collect::<Result<_, String>>()?,
            ),
            Type::Enum(names) => Ty::Enum(names.names().map(str::to_string).collect()),
            Type::Option(option) => Ty::Option(Box::new(Ty::read(&option.ty(), budget)?)),
            Type::Result(result) => {
                let ok = result.ok().map(|t| Ty::read(&t, budget).map(Box::new)).transpose()?;
                let err = result.err().map(|t| Ty::read(&t, budget).map(Box::new)).transpose()?;
                Ty::Result(ok, err)
            }
            Type::Flags(flags) => Ty::Flags(flags.names().map(str::to_string).collect()),
            Type::Own(_) | Type::Borrow(_) => return Err("a resource".into()),
            Type::Map(_) => return Err("a map".into()),
            Type::Future(_) => return Err("a future".into()),
            Type::Stream(_) => return Err("a stream".into()),
            Type::ErrorContext => return Err("an error-context".into()),
            Type::FixedLengthList(_) => return Err("a list of fixed length".into()),
        })
    }

    fn longest_name(&self) -> usize {
        let named = |name: &String, ty: Option<&Ty>| name.len().max(ty.map_or(0, Ty::longest_name));
        match self {
            Ty::List(item) | Ty::Option(item) => item.longest_name(),
            Ty::Tuple(items) => items.iter().map(Ty::longest_name).max().unwrap_or(0),
            Ty::Record(fields) => fields.iter().map(|(name, ty)| named(name, Some(ty))).max().unwrap_or(0),
            Ty::Variant(cases) => cases.iter().map(|(name, ty)| named(name, ty.as_ref())).max().unwrap_or(0),
            Ty::Enum(names) | Ty::Flags(names) => names.iter().map(String::len).max().unwrap_or(0),
            Ty::Result(ok, err) => ok.iter().chain(err).map(|ty| ty.longest_name()).max().unwrap_or(0),
            _ => 0,
        }
    }

    pub fn describe(&self) -> Value {
        match self {
            Ty::Bool => json!("bool"),
            Ty::S8 => json!("s8"),
            Ty::U8 => json!("u8"),
            Ty::S16 => json!("s16"),
            Ty::U16 => json!("u16"),
            Ty::S32 => json!("s32"),
            Ty::U32 => json!("u32"),
            Ty::S64 => json!("s64"),
            Ty::U64 => json!("u64"),
            Ty::F32 => json!("f32"),
            Ty::F64 => json!("f64"),
            Ty::Char => json!("char"),
            Ty::String => json!("string"),
            Ty::List(item) => json!({"list": item.describe()}),
            Ty::Option(item) => json!({"option": item.describe()}),
            Ty::Result(ok, err) => json!({"result": {
                "ok": describe_optional(ok.as_deref()), "err": describe_optional(err.as_deref()),
            }}),
            Ty::Tuple(items) => json!({"tuple": items.iter().map(Ty::describe).collect::<Vec<_>>()}),
            Ty::Record(fields) => {
                let fields = fields.iter().map(|(n, t)| json!({"name": n, "type": t.describe()}));
                json!({"record": fields.collect::<Vec<_>>()})
            }
            Ty::Variant(cases) => {
                let cases = cases.iter().map(|(n, t)| json!({"name": n, "type": describe_optional(t.as_ref())}));
                json!({"variant": cases.collect::<Vec<_>>()})
            }
            Ty::Enum(names) => json!({"enum": names}),
            Ty::Flags(names) => json!({"flags": names}),
        }
    }
}

fn describe_optional(ty: Option<&Ty>) -> Value {
    ty.map_or(Value::Null, Ty::describe)
}
