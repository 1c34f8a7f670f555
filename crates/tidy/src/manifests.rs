//! Manifests: lints and versions stand once, and each third-party crate has its reason.

use toml::Value;

use crate::{Dependency, Tree};

/// The document that gives every third-party crate its reason.
const DOCUMENT: &str = "docs/dependencies.md";

/// Every member takes the lint table of the workspace: `[lints] workspace = true`.
pub fn lints(tree: &Tree) -> Vec<String> {
    let without = tree
        .members()
        .filter(|member| !inherits(member.manifest.get("lints")));
    without
        .map(|member| format!("{}: add `[lints]` with `workspace = true`.", member.path))
        .collect()
}

/// Members name their dependencies with `.workspace = true`: versions, paths and repositories
/// stand in `[workspace.dependencies]` and nowhere else.
pub fn versions(tree: &Tree) -> Vec<String> {
    let all = tree
        .members()
        .flat_map(|m| m.dependencies().map(move |d| (m.path, d)));
    let own = all.filter(|(_, dependency)| !inherits(Some(dependency.value)));
    own.map(|(path, Dependency { table, key, .. })| {
        format!(
            "{path}: `{key}` (in [{table}]) is not taken from the workspace. Put its version into \
             [workspace.dependencies] of the root Cargo.toml and write `{key}.workspace = true` \
             here."
        )
    })
    .collect()
}

/// `[workspace.dependencies]` and the table of `docs/dependencies.md` name the same third-party
/// crates, and no cell of a row is empty.
pub fn reasons(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(DOCUMENT) else {
        return vec![format!(
            "{DOCUMENT}: not there. It is a table with a row per third-party crate: who uses it, \
             for what, and why this one."
        )];
    };
    let third_party: Vec<_> = tree
        .workspace_dependencies()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name)
        .collect();
    let rows: Vec<_> = text.lines().filter_map(row).collect();
    let missing = third_party
        .iter()
        .filter(|name| rows.iter().all(|row| row.name != **name));
    let missing = missing.map(|name| {
        format!(
            "{DOCUMENT}: no row for `{name}`, which the root Cargo.toml names. Add one: who uses \
             it, for what, and why this one and not a few lines of our own."
        )
    });
    let wrong = rows.iter().filter_map(|row| {
        let name = row.name;
        if !third_party.contains(&name) {
            Some(format!(
                "{DOCUMENT}: `{name}` is no dependency of the workspace any more. Remove its row."
            ))
        } else if row.has_gap {
            Some(format!(
                "{DOCUMENT}: the row of `{name}` has an empty cell. Give the reason."
            ))
        } else {
            None
        }
    });
    missing.chain(wrong).collect()
}

/// A row of the table: a line whose first cell is a name in backticks.
struct Row<'a> {
    name: &'a str,
    has_gap: bool,
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (name, rest) = cells.split_once('|').unwrap_or((cells, ""));
    let name = name.trim().strip_prefix('`')?.strip_suffix('`')?;
    Some(Row {
        name,
        has_gap: rest.split('|').any(|cell| cell.trim().is_empty()),
    })
}

/// Whether `value` is a table that says `workspace = true`.
fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")?.as_bool()) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing;

    const MANIFEST: &str = "crates/runtime/Cargo.toml";

    fn check(rule: fn(&Tree) -> Vec<String>, manifest: &str, want: &[&str]) {
        testing::check(rule, &[(MANIFEST, manifest)], want);
    }

    fn check_reasons(document: &str, want: &[&str]) {
        let root = "[workspace.dependencies]\narrow = \"60\"\n\
                    esker-kernels = { path = \"crates/kernels\" }";
        testing::check(reasons, &[("Cargo.toml", root), (DOCUMENT, document)], want);
    }

    #[test]
    fn a_member_takes_the_lints_of_the_workspace() {
        check(lints, "[lints]\nworkspace = true", &[]);
        for manifest in [
            "",
            "[lints]\nworkspace = false",
            "[lints.rust]\nunsafe_code = \"allow\"",
        ] {
            check(
                lints,
                manifest,
                &["crates/runtime/Cargo.toml: add `[lints]`"],
            );
        }
        testing::check(
            lints,
            &[("benches/Cargo.toml", "")],
            &["benches/Cargo.toml: add"],
        );
    }

    #[test]
    fn a_member_names_no_version() {
        check(
            versions,
            "dependencies.a = { workspace = true, optional = true }",
            &[],
        );
        for dependency in [
            "dependencies.a = \"1\"",
            "dependencies.a = { version = \"1\", features = [\"b\"] }",
            "dev-dependencies.a = { git = \"https://example.org/a\" }",
            "build-dependencies.a = { path = \"../a\" }",
            "target.'cfg(unix)'.dependencies.a = \"1\"",
        ] {
            check(versions, dependency, &["write `a.workspace = true`"]);
        }
    }

    #[test]
    fn every_third_party_crate_has_a_reason() {
        check_reasons(
            "| crate | why |\n|---|---|\n| `arrow` | the memory format |\n",
            &[],
        );
        check_reasons("We use arrow.\n", &["no row for `arrow`"]);
        check_reasons("| `arrow` | |\n", &["the row of `arrow` has an empty cell"]);
        check_reasons("| `arrow` |\n", &["the row of `arrow` has an empty cell"]);
        check_reasons(
            "| `arrow` | x |\n| `rayon` | y |\n",
            &["`rayon` is no dependency"],
        );
        testing::check(reasons, &[], &["docs/dependencies.md: not there"]);
    }
}
