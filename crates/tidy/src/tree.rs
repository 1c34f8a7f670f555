//! The workspace as a map from path to text, with its manifests parsed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// Every file that a rule may want to see: `.rs` files, manifests and `docs/dependencies.md`.
///
/// Paths are relative to the root and written with `/`.
#[derive(Debug)]
pub struct Tree {
    files: BTreeMap<String, String>,
    manifests: BTreeMap<String, Table>,
}

/// A package of the workspace: a folder of `crates`, or `benches`.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The folder's own name; for a crate this is the name of its layer.
    pub folder: &'a str,
    /// The path of its manifest.
    pub path: &'a str,
    /// Its manifest.
    pub manifest: &'a Table,
}

/// One line of a dependency table of a member.
#[derive(Debug, Clone, Copy)]
pub struct Dependency<'a> {
    /// The table it stands in: `dependencies`, `dev-dependencies` or `build-dependencies`.
    pub table: &'static str,
    /// The name it is written under.
    pub key: &'a str,
    /// What is written there: a version or a table.
    pub value: &'a Value,
}

impl Tree {
    /// Reads the workspace at `root` from disk.
    ///
    /// Fails with the path of what could not be read or parsed.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        read_file(root, "Cargo.toml", &mut files)?;
        for folder in ["crates", "benches", "examples"] {
            read_folder(root, folder, &mut files)?;
        }
        if root.join("docs/dependencies.md").exists() {
            read_file(root, "docs/dependencies.md", &mut files)?;
        }
        Self::new(files)
    }

    /// Builds a tree from paths and texts, without a disk.
    ///
    /// Fails when a `Cargo.toml` among them is not TOML.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let files: BTreeMap<_, _> = files.into_iter().collect();
        let mut manifests = BTreeMap::new();
        for (path, text) in &files {
            if path.rsplit('/').next() == Some("Cargo.toml") {
                let table: Table = toml::from_str(text).map_err(|e| format!("{path}: {e}"))?;
                manifests.insert(path.clone(), table);
            }
        }
        Ok(Self { files, manifests })
    }

    /// The text at `path`, if there is such a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The `.rs` files: path and text, in the order of their paths.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.files.iter();
        all.map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The packages of the workspace, in the order of their paths.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.manifests.iter().filter_map(|(path, manifest)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let folder = folder.strip_prefix("crates/").unwrap_or(folder);
            (!folder.contains('/')).then_some(Member {
                folder,
                path,
                manifest,
            })
        })
    }

    /// The `[workspace.dependencies]` of the root manifest: name and what is written there.
    pub fn workspace_dependencies(&self) -> impl Iterator<Item = (&str, &Value)> {
        let root = self.manifests.get("Cargo.toml");
        let table = root.and_then(|root| root.get("workspace")?.get("dependencies")?.as_table());
        table
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// The package that a dependency means, seen through `package = ".."` renames in the member's
    /// manifest and in the workspace's.
    pub fn package_of<'a>(&'a self, dependency: Dependency<'a>) -> &'a str {
        let renamed = |value: &'a Value| value.get("package").and_then(Value::as_str);
        let mut inherited = self.workspace_dependencies();
        renamed(dependency.value)
            .or_else(|| renamed(inherited.find(|(key, _)| *key == dependency.key)?.1))
            .unwrap_or(dependency.key)
    }
}

impl<'a> Member<'a> {
    /// The name of the package, as its manifest gives it.
    pub fn package(self) -> Option<&'a str> {
        self.manifest.get("package")?.get("name")?.as_str()
    }

    /// Every direct dependency: of all kinds, for every target.
    pub fn dependencies(self) -> impl Iterator<Item = Dependency<'a>> {
        let targets = self.manifest.get("target").and_then(Value::as_table);
        let targets = targets
            .into_iter()
            .flatten()
            .filter_map(|(_, target)| target.as_table());
        std::iter::once(self.manifest)
            .chain(targets)
            .flat_map(dependencies_of)
    }
}

/// The dependencies of the three tables that stand directly in `table`.
fn dependencies_of(table: &Table) -> impl Iterator<Item = Dependency<'_>> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .into_iter()
        .flat_map(|name| {
            let entries = table
                .get(name)
                .and_then(Value::as_table)
                .into_iter()
                .flatten();
            entries.map(move |(key, value)| Dependency {
                table: name,
                key,
                value,
            })
        })
}

/// Reads the Rust files and manifests below `folder`; a folder that is not there holds none.
fn read_folder(
    root: &Path,
    folder: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let path = root.join(folder);
    if !path.exists() {
        return Ok(());
    }
    let trouble = |e: std::io::Error| format!("{folder}: {e}");
    for entry in fs::read_dir(path).map_err(trouble)? {
        let entry = entry.map_err(trouble)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type().map_err(trouble)?.is_dir() {
            if name != "target" && !name.starts_with('.') {
                read_folder(root, &path, files)?;
            }
        } else if name.ends_with(".rs") || name == "Cargo.toml" {
            read_file(root, &path, files)?;
        }
    }
    Ok(())
}

fn read_file(root: &Path, path: &str, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let text = fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
    files.insert(path.to_string(), text);
    Ok(())
}

/// Helpers of the rules' unit tests.
#[cfg(test)]
pub(crate) mod testing {
    use super::Tree;

    /// A tree of these files; a test's trees always parse.
    pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
        Tree::new(
            files
                .iter()
                .map(|(path, text)| (path.to_string(), text.to_string())),
        )
        .unwrap()
    }

    /// Runs `rule` and compares: one complaint per element of `want`, in order, each of which
    /// contains that text.
    pub(crate) fn check(rule: fn(&Tree) -> Vec<String>, files: &[(&str, &str)], want: &[&str]) {
        let got = rule(&tree(files));
        let agree = got.len() == want.len() && got.iter().zip(want).all(|(g, w)| g.contains(w));
        assert!(agree, "wanted {want:#?}, got {got:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::testing::tree;
    use super::*;

    #[test]
    fn members_are_the_folders_of_crates_and_benches() {
        let tree = tree(&[
            ("Cargo.toml", "[workspace]"),
            ("benches/Cargo.toml", ""),
            ("crates/kernels/Cargo.toml", ""),
            ("crates/kernels/tests/fixture/Cargo.toml", ""),
        ]);
        let folders: Vec<_> = tree.members().map(|member| member.folder).collect();
        assert_eq!(folders, ["benches", "kernels"]);
    }

    #[test]
    fn dependencies_of_every_kind_and_target_are_seen_through_renames() {
        let tree = tree(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nk = { package = \"esker-kernels\" }",
            ),
            (
                "crates/sql/Cargo.toml",
                "dependencies.k.workspace = true\n\
                 dev-dependencies.a = { package = \"b\" }\n\
                 build-dependencies.cc = \"1\"\n\
                 target.'cfg(unix)'.dependencies.libc = \"0.2\"",
            ),
        ]);
        let member = tree.members().next().unwrap();
        let packages: Vec<_> = member.dependencies().map(|d| tree.package_of(d)).collect();
        assert_eq!(packages, ["esker-kernels", "b", "cc", "libc"]);
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let files = [("crates/sql/Cargo.toml".to_string(), "[package".to_string())];
        assert!(
            Tree::new(files)
                .unwrap_err()
                .starts_with("crates/sql/Cargo.toml: ")
        );
    }
}
