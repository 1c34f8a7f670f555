//! Who may depend on whom: the layers of the architecture as a table, and the tests of it.

use crate::{Member, Tree};
use Sees::{AllAbove, Only};

/// The crates of ours that a crate may depend on directly.
#[derive(Debug, Clone, Copy)]
pub enum Sees {
    /// These and no other.
    Only(&'static [&'static str]),
    /// Every crate that stands above it in [`EDGES`].
    AllAbove,
}

/// The crates, lowest first, each with what it sees, dev- and build-dependencies included. A crate
/// sees only lower levels, never a neighbour.
///
/// This is the table of `docs/architecture.md`, section 1; change both or neither.
#[rustfmt::skip]
pub const EDGES: &[(&str, Sees)] = &[
    ("datatypes",     Only(&[])),
    ("kernels",       Only(&["datatypes"])),
    ("runtime",       Only(&["datatypes"])),
    ("logical-expr",  Only(&["datatypes", "kernels"])),
    ("functions",     Only(&["datatypes", "kernels", "logical-expr"])),
    ("logical-plan",  Only(&["datatypes", "kernels", "logical-expr", "runtime"])),
    ("optimizer",     Only(&["datatypes", "kernels", "logical-expr", "logical-plan"])),
    ("datasource",    Only(&["datatypes", "kernels", "logical-expr", "logical-plan", "runtime"])),
    ("sql",           Only(&["datatypes", "logical-expr", "logical-plan"])),
    ("physical-plan", Only(&["datatypes", "kernels", "logical-expr", "logical-plan", "runtime"])),
    (FACADE,          AllAbove),
    ("cli",           Only(&[FACADE])),
    ("python",        Only(&[FACADE])),
    ("remote",        Only(&[FACADE])),
    ("benches",       AllAbove),
    ("tidy",          Only(&[])),
];

/// The crate that a user meets.
const FACADE: &str = "dataframe";

/// The row of `folder` as a list, if it has one.
fn seen_by(folder: &str) -> Option<Vec<&'static str>> {
    let (at, (_, sees)) = EDGES
        .iter()
        .enumerate()
        .find(|(_, (name, _))| *name == folder)?;
    Some(match sees {
        Only(names) => names.to_vec(),
        AllAbove => EDGES.iter().take(at).map(|(name, _)| *name).collect(),
    })
}

/// Each crate is in [`EDGES`], is named after its folder and depends on what its row allows.
pub fn layers(tree: &Tree) -> Vec<String> {
    tree.members()
        .flat_map(|member| layers_of(tree, member))
        .collect()
}

fn layers_of(tree: &Tree, member: Member<'_>) -> Vec<String> {
    let Member { folder, path, .. } = member;
    let Some(allowed) = seen_by(folder) else {
        return vec![format!(
            "{path}: the layer table does not know `{folder}`. Give it a row in \
             crates/tidy/src/edges.rs and in docs/architecture.md: which level is it, and which \
             lower layers does it see?"
        )];
    };
    let mut complaints = Vec::new();
    let name = format!("esker-{folder}");
    if member.package() != Some(&name) {
        let found = member.package().unwrap_or("without a name");
        complaints.push(format!(
            "{path}: the package is `{found}`; a package is named after its folder: `{name}`."
        ));
    }
    for dependency in member.dependencies() {
        let package = tree.package_of(dependency);
        let Some(target) = package.strip_prefix("esker-") else {
            continue;
        };
        if !allowed.contains(&target) {
            complaints.push(format!(
                "{path}: `{folder}` may not depend on `{package}` (in [{}]); it may see {}. \
                 Move what both need to a lower layer, pass it in as a trait object, or move the \
                 test up to a layer that sees both.",
                dependency.table,
                listed(&allowed),
            ));
        }
    }
    complaints
}

/// A benchmark measures the facade or a layer: each file of `benches` uses `esker_dataframe` or
/// the crates below it, never both.
pub fn benches_choose_a_side(tree: &Tree) -> Vec<String> {
    let benches = tree
        .sources()
        .filter(|(path, _)| path.starts_with("benches/"));
    let engine = seen_by(FACADE).unwrap_or_default();
    let mixed = benches.filter(|(_, text)| {
        let uses = |layer: &str| uses_crate(text, &format!("esker_{}", layer.replace('-', "_")));
        uses(FACADE) && engine.iter().any(|layer| uses(layer))
    });
    mixed
        .map(|(path, _)| {
            format!(
                "{path}: uses `esker_dataframe` and a lower crate in one file. Split it: one \
                 benchmark of the facade, one of the layer."
            )
        })
        .collect()
}

/// Whether the code of `text`, its comment lines left aside, contains the identifier `name`.
fn uses_crate(text: &str, name: &str) -> bool {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .any(|word| word == name)
}

/// The allowed layers in words, for a message.
fn listed(allowed: &[&str]) -> String {
    match allowed {
        [] => "no crate of ours".to_string(),
        _ => format!("`{}`", allowed.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing;

    fn check(files: &[(&str, &str)], want: &[&str]) {
        testing::check(layers, files, want);
    }

    fn check_bench(text: &str, want: &[&str]) {
        testing::check(
            benches_choose_a_side,
            &[("benches/benches/b.rs", text)],
            want,
        );
    }

    #[test]
    fn the_table_sees_only_upwards_in_itself() {
        for (at, (name, _)) in EDGES.iter().enumerate() {
            for target in seen_by(name).unwrap() {
                let above = EDGES[..at].iter().any(|(other, _)| *other == target);
                assert!(
                    above,
                    "`{name}` sees `{target}`, which does not stand above it"
                );
            }
        }
    }

    #[test]
    fn the_facade_sees_the_engine_and_the_shells_only_the_facade() {
        let facade = seen_by("dataframe").unwrap();
        assert!(facade.contains(&"datatypes") && facade.contains(&"physical-plan"));
        assert!(!facade.contains(&"cli") && !facade.contains(&"tidy"));
        assert_eq!(seen_by("python").unwrap(), ["dataframe"]);
        assert_eq!(seen_by("utils"), None);
    }

    #[test]
    fn an_edge_of_the_table_passes() {
        let kernels = "package.name = \"esker-kernels\"\n\
                       dependencies.esker-datatypes.workspace = true\n\
                       dependencies.arrow.workspace = true";
        check(&[("crates/kernels/Cargo.toml", kernels)], &[]);
    }

    #[test]
    fn a_neighbour_is_refused_in_every_kind_of_dependency() {
        for kind in [
            "dependencies",
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dev-dependencies",
        ] {
            let kernels =
                format!("package.name = \"esker-kernels\"\n{kind}.esker-runtime.workspace = true");
            check(
                &[("crates/kernels/Cargo.toml", &kernels)],
                &["`kernels` may not depend on `esker-runtime`"],
            );
        }
    }

    #[test]
    fn a_rename_hides_nothing() {
        let root = "[workspace.dependencies]\nshy = { package = \"esker-dataframe\" }";
        let sql = "package.name = \"esker-sql\"\n\
                   dependencies.shy.workspace = true\n\
                   dev-dependencies.bold = { package = \"esker-optimizer\", path = \"../optimizer\" }";
        check(
            &[("Cargo.toml", root), ("crates/sql/Cargo.toml", sql)],
            &[
                "depend on `esker-dataframe` (in [dependencies])",
                "depend on `esker-optimizer`",
            ],
        );
    }

    #[test]
    fn nobody_depends_on_tidy_and_tidy_on_nobody() {
        let tidy = "package.name = \"esker-tidy\"\ndependencies.esker-datatypes.workspace = true";
        let benches = "package.name = \"esker-benches\"\ndependencies.esker-tidy.workspace = true";
        check(
            &[
                ("benches/Cargo.toml", benches),
                ("crates/tidy/Cargo.toml", tidy),
            ],
            &[
                "`benches` may not depend on `esker-tidy`",
                "may see no crate of ours",
            ],
        );
    }

    #[test]
    fn a_crate_without_a_row_and_a_misnamed_one_are_refused() {
        check(
            &[
                (
                    "crates/runtime/Cargo.toml",
                    "package.name = \"esker-workers\"",
                ),
                ("crates/utils/Cargo.toml", "package.name = \"esker-utils\""),
            ],
            &[
                "named after its folder: `esker-runtime`",
                "does not know `utils`",
            ],
        );
    }

    #[test]
    fn a_benchmark_file_is_of_the_facade_or_of_layers() {
        check_bench("use esker_dataframe::prelude::*;", &[]);
        check_bench("use esker_kernels::sum;\nuse esker_datatypes::Batch;", &[]);
        check_bench("// unlike esker_kernels\nuse esker_dataframe::col;", &[]);
        check_bench(
            "use esker_dataframe::col;\nfn f() { esker_physical_plan::run() }",
            &["benches/benches/b.rs: uses `esker_dataframe` and a lower crate"],
        );
    }
}
