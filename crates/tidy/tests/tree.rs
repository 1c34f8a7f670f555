//! Every house rule, run on this workspace.

use std::path::Path;

use esker_tidy::{Tree, edges, examples, files, manifests};

/// Reads the workspace and asks `rule` for complaints; there should be none.
fn check(rule: fn(&Tree) -> Vec<String>) -> Result<(), String> {
    let complaints = rule(&workspace()?);
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n"));
    Ok(())
}

/// The workspace that this crate is a member of.
fn workspace() -> Result<Tree, String> {
    Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

#[test]
fn the_workspace_is_really_read() -> Result<(), String> {
    let tree = workspace()?;
    let folders: Vec<_> = tree.members().map(|member| member.folder).collect();
    assert!(
        folders.contains(&"tidy") && folders.contains(&"dataframe"),
        "{folders:?}"
    );
    assert!(tree.text("crates/tidy/tests/tree.rs").is_some());
    assert!(
        tree.workspace_dependencies()
            .any(|(name, _)| name == "arrow")
    );
    Ok(())
}

#[test]
fn layers_depend_only_on_lower_layers() -> Result<(), String> {
    check(edges::layers)
}

#[test]
fn benchmarks_measure_the_facade_or_a_layer() -> Result<(), String> {
    check(edges::benches_choose_a_side)
}

#[test]
fn files_are_short() -> Result<(), String> {
    check(files::lengths)
}

#[test]
fn files_open_with_a_sentence() -> Result<(), String> {
    check(files::headers)
}

#[test]
fn layers_say_what_they_do_not_know() -> Result<(), String> {
    check(files::essays)
}

#[test]
fn layers_list_their_public_names() -> Result<(), String> {
    check(files::reexports)
}

#[test]
fn examples_are_declared_by_their_layer() -> Result<(), String> {
    check(examples::declared)
}

#[test]
fn members_take_the_lints_of_the_workspace() -> Result<(), String> {
    check(manifests::lints)
}

#[test]
fn versions_stand_in_the_root_manifest() -> Result<(), String> {
    check(manifests::versions)
}

#[test]
fn third_party_crates_have_a_reason() -> Result<(), String> {
    check(manifests::reasons)
}
