//! Examples lie in `examples/<layer>`, and the layer's own crate declares each by path.

use std::collections::BTreeMap;

use toml::Value;

use crate::{Member, Tree};

/// An `[[example]]` of a manifest.
#[derive(Debug, Clone, Copy)]
struct Declared<'a> {
    member: Member<'a>,
    name: &'a str,
    /// As written: relative to the folder of the manifest.
    path: &'a str,
}

/// Every file `examples/<layer>/<name>.rs` is declared by the crate of its layer, under its name,
/// which no other example has; and every declared file is there.
///
/// So `cargo run -p esker-<layer> --example <name>` works for each.
pub fn declared(tree: &Tree) -> Vec<String> {
    let declared: Vec<_> = tree.members().flat_map(declared_by).collect();
    let mut complaints = undeclared(tree, &declared);
    complaints.extend(declared.iter().filter_map(|example| astray(tree, example)));
    complaints.extend(same_names(&declared));
    complaints
}

/// Files that nobody declares, or that lie where no example should.
fn undeclared(tree: &Tree, declared: &[Declared<'_>]) -> Vec<String> {
    let sources = tree.sources().map(|(path, _)| path);
    sources
        .filter_map(|path| {
            let parts: Vec<_> = path.split('/').collect();
            match *parts.as_slice() {
                ["examples", layer, file] => {
                    let known = declared
                        .iter()
                        .any(|e| e.member.folder == layer && resolved(e).as_deref() == Some(path));
                    let name = file.trim_end_matches(".rs");
                    (!known).then(|| {
                        format!(
                            "{path}: not declared. Add to crates/{layer}/Cargo.toml:\n    \
                             [[example]]\n    name = \"{name}\"\n    path = \"../../{path}\""
                        )
                    })
                }
                ["examples", ..] => Some(format!(
                    "{path}: an example is one file, examples/<layer>/<name>.rs. Move it into the \
                     folder of the highest layer it uses."
                )),
                ["crates", layer, "examples", ..] => Some(format!(
                    "{path}: examples live together. Move it to examples/{layer} and declare it \
                     in crates/{layer}/Cargo.toml."
                )),
                _ => None,
            }
        })
        .collect()
}

/// What is wrong with the path or the name of a declaration, if anything is.
fn astray(tree: &Tree, example: &Declared<'_>) -> Option<String> {
    let Declared {
        member: Member {
            folder,
            path: manifest,
            ..
        },
        name,
        path,
    } = *example;
    let wanted = format!("examples/{folder}/{name}.rs");
    if resolved(example).as_deref() != Some(wanted.as_str()) {
        Some(format!(
            "{manifest}: example `{name}` has the path \"{path}\"; a layer declares its own \
             examples by their file name: path = \"../../{wanted}\"."
        ))
    } else if tree.text(&wanted).is_none() {
        Some(format!(
            "{manifest}: example `{name}` names {wanted}, which is not there. Write it or remove \
             the declaration."
        ))
    } else {
        None
    }
}

/// Names that more than one crate declares.
fn same_names(declared: &[Declared<'_>]) -> Vec<String> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for example in declared {
        by_name
            .entry(example.name)
            .or_default()
            .push(example.member.path);
    }
    let twice = by_name
        .into_iter()
        .filter(|(_, manifests)| manifests.len() > 1);
    twice
        .map(|(name, manifests)| {
            format!(
                "{}: all declare an example `{name}`, and `cargo run --example {name}` cannot tell \
                 them apart. Rename all but one.",
                manifests.join(", ")
            )
        })
        .collect()
}

/// The `[[example]]` entries of a manifest; a missing name or path reads as empty.
fn declared_by<'a>(member: Member<'a>) -> impl Iterator<Item = Declared<'a>> {
    let entries = member.manifest.get("example").and_then(Value::as_array);
    entries.into_iter().flatten().map(move |entry| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        Declared {
            member,
            name: text("name"),
            path: text("path"),
        }
    })
}

/// The declared path from the root: manifests of crates lie two folders deep.
fn resolved(example: &Declared<'_>) -> Option<String> {
    let in_crates = example.member.path.starts_with("crates/");
    let path = example.path.strip_prefix("../../").filter(|_| in_crates)?;
    Some(path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing;

    const MANIFEST: &str = "crates/optimizer/Cargo.toml";
    const FILE: &str = "examples/optimizer/pushdown.rs";

    fn check(files: &[(&str, &str)], want: &[&str]) {
        testing::check(declared, files, want);
    }

    /// The manifest entry of an example.
    fn entry(name: &str, path: &str) -> String {
        format!("[[example]]\nname = \"{name}\"\npath = \"{path}\"\n")
    }

    #[test]
    fn a_declared_file_passes() {
        let manifest = entry("pushdown", "../../examples/optimizer/pushdown.rs");
        check(&[(MANIFEST, &manifest), (FILE, "//!")], &[]);
    }

    #[test]
    fn a_file_without_a_declaration_is_told_what_to_write() {
        check(
            &[(MANIFEST, ""), (FILE, "//!")],
            &["path = \"../../examples/optimizer/pushdown.rs\""],
        );
        check(&[(FILE, "//!")], &["pushdown.rs: not declared"]);
    }

    #[test]
    fn a_declaration_without_a_file_is_refused() {
        let manifest = entry("pushdown", "../../examples/optimizer/pushdown.rs");
        check(
            &[(MANIFEST, &manifest)],
            &["examples/optimizer/pushdown.rs, which is not there"],
        );
    }

    #[test]
    fn a_name_is_that_of_its_file_and_a_path_is_written() {
        let renamed = entry("push", "../../examples/optimizer/pushdown.rs");
        check(
            &[(MANIFEST, &renamed), (FILE, "//!")],
            &["example `push` has the path"],
        );
        let pathless = "[[example]]\nname = \"pushdown\"\n";
        check(
            &[(MANIFEST, pathless), (FILE, "//!")],
            &["not declared", "example `pushdown` has the path \"\""],
        );
    }

    #[test]
    fn a_layer_declares_no_example_of_another() {
        let manifest = entry("pushdown", "../../examples/optimizer/pushdown.rs");
        check(
            &[("crates/sql/Cargo.toml", &manifest), (FILE, "//!")],
            &["not declared", "path = \"../../examples/sql/pushdown.rs\""],
        );
    }

    #[test]
    fn a_name_is_taken_once() {
        let one = entry("plan", "../../examples/optimizer/plan.rs");
        let other = entry("plan", "../../examples/sql/plan.rs");
        check(
            &[
                (MANIFEST, &one),
                ("crates/sql/Cargo.toml", &other),
                ("examples/optimizer/plan.rs", "//!"),
                ("examples/sql/plan.rs", "//!"),
            ],
            &["crates/optimizer/Cargo.toml, crates/sql/Cargo.toml: all declare"],
        );
    }

    #[test]
    fn an_example_lies_in_the_folder_of_its_layer() {
        check(&[("examples/plan.rs", "//!")], &["an example is one file"]);
        check(
            &[("examples/sql/plan/main.rs", "//!")],
            &["an example is one file"],
        );
        check(
            &[("crates/sql/examples/plan.rs", "//!")],
            &["Move it to examples/sql"],
        );
    }
}
