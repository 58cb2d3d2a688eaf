//! One source file: the modules it declares, the names it defines, what it imports and which paths it writes.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// One name that a `use` brings into a module.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// The path as written, without a glob's star.
    pub(crate) path: Vec<String>,
    /// The name by which the module knows it; none for a glob.
    pub(crate) name: Option<String>,
    /// Whether other modules see it as well.
    pub(crate) re_export: bool,
}

/// The code of one module, inline modules and tests left out.
#[derive(Debug, Default)]
pub(crate) struct ModuleCode {
    /// The names that the module defines.
    pub(crate) items: BTreeSet<String>,
    /// The modules that the module declares: in a file of their own, or inline with their items.
    pub(crate) children: Vec<(String, Option<ModuleCode>)>,
    pub(crate) imports: Vec<Import>,
    /// Every path of two or more segments, also in macros and attributes.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// Every identifier outside of imports.
    pub(crate) identifiers: BTreeSet<String>,
}

/// Reads the text of a file. Items under `#[cfg(test)]` are left out.
pub(crate) fn read(text: &str) -> syn::Result<ModuleCode> {
    Ok(module(syn::parse_file(text)?.items))
}

fn module(items: Vec<Item>) -> ModuleCode {
    let mut code = ModuleCode::default();
    for item in items {
        if attributes(&item).iter().any(|attribute| is_test(&attribute.meta.to_token_stream())) {
            continue;
        }
        match item {
            Item::Use(item) => code.import(&item),
            Item::Mod(item) => {
                code.items.insert(item.ident.to_string());
                code.children.push((item.ident.to_string(), item.content.map(|(_, items)| module(items))));
            }
            item => {
                code.items.extend(name(&item));
                code.scan(item.into_token_stream());
            }
        }
    }
    code
}

impl ModuleCode {
    fn import(&mut self, item: &ItemUse) {
        if item.leading_colon.is_some() {
            return;
        }
        let re_export = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), re_export, &mut self.imports);
    }

    /// Collects paths and identifiers from code, whatever it means: a macro's arguments hold paths as well.
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' && is_test_attribute(tokens.get(at + 1)) => {
                    at = end_of_item(&tokens, at + 2);
                    continue;
                }
                TokenTree::Ident(ident) if *ident == "use" => {
                    let end = tokens.iter().skip(at).position(|token| is_punct(token, ';')).map(|length| at + length);
                    let statement = end.and_then(|end| tokens.get(at..=end)).unwrap_or_default();
                    // `use<'a>` in a return type is no import.
                    if let Ok(item) = syn::parse2::<ItemUse>(statement.iter().cloned().collect()) {
                        self.import(&item);
                        at += statement.len();
                        continue;
                    }
                }
                TokenTree::Ident(_) => {
                    let path = path_at(&tokens, at);
                    self.identifiers.extend(path.first().cloned());
                    // After two colons it is the rest of a path that began with a type, or of one from another crate.
                    let continues = preceded_by_colons(&tokens, at);
                    at += path.len() * 3 - 2;
                    if path.len() > 1 && !continues {
                        self.paths.insert(path);
                    }
                    continue;
                }
                TokenTree::Group(group) => self.scan(group.stream()),
                _ => {}
            }
            at += 1;
        }
    }
}

/// The identifiers from here on that `::` joins.
fn path_at(tokens: &[TokenTree], start: usize) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = start;
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        path.push(ident.to_string());
        let joined = [at + 1, at + 2].iter().all(|next| tokens.get(*next).is_some_and(|token| is_punct(token, ':')));
        if !joined {
            break;
        }
        at += 3;
    }
    path
}

/// Whether two colons stand before the token.
fn preceded_by_colons(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && tokens.get(at - 2..at).is_some_and(|before| before.iter().all(|token| is_punct(token, ':')))
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_test_attribute(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket && is_test(&group.stream()))
}

/// Whether the attribute says `cfg(test)`, alone or among other conditions.
fn is_test(attribute: &TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text.starts_with("cfg(")
        && !text.contains("not(")
        && text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
}

/// The position behind the item that starts here: after its semicolon or its braces.
fn end_of_item(tokens: &[TokenTree], start: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';') || is_punct(token, ','),
    };
    tokens.iter().skip(start).position(ends).map_or(tokens.len(), |length| start + length + 1)
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, re_export: bool, into: &mut Vec<Import>) {
    let mut add = |last: Option<String>, name: Option<String>, prefix: &[String]| {
        // `use a::b::{self}` names `a::b`.
        let last = last.filter(|last| last != "self" || prefix.is_empty());
        let path: Vec<String> = prefix.iter().cloned().chain(last).collect();
        let name = name.map(|name| if name == "self" { path.last().cloned().unwrap_or_default() } else { name });
        into.push(Import { path, name, re_export });
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, re_export, into);
            prefix.pop();
        }
        UseTree::Name(name) => add(Some(name.ident.to_string()), Some(name.ident.to_string()), prefix),
        UseTree::Rename(rename) => add(Some(rename.ident.to_string()), Some(rename.rename.to_string()), prefix),
        UseTree::Glob(_) => add(None, None, prefix),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, re_export, into);
            }
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}
