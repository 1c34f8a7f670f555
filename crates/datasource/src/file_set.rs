//! Which files a table is made of: a path, a folder, a pattern, or a list of these.

use std::fs;
use std::path::{Path, PathBuf};

use esker_datatypes::{Error, Result};
use glob::{MatchOptions, glob_with};

use crate::read_at::name_of;

/// What makes a path that does not exist a pattern.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// `*` matches no separator and no leading dot, as in a shell.
const LIKE_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files of a table, as a user says which: one path or a list of paths. Nothing is looked up
/// before a source is opened.
///
/// Each path stands for
/// * itself, where it exists and is no folder;
/// * where it is a folder, the files in it whose names have the ending of the format and do not
///   start with a dot, by name;
/// * where it does not exist and holds `*`, `?` or `[..]`, the files that match it as in a shell, by
///   path (`**` is any number of folders; folders that match are left out).
///
/// The files of a list come in the order of the list.
///
/// ```
/// use esker_datasource::FileSet;
/// let one = FileSet::from("orders.parquet");
/// let years = FileSet::from("data/202?/*.parquet");
/// let list = FileSet::from(["data/2024", "data/2025/january.parquet"]);
/// let months: FileSet = (1..=12).map(|month| format!("data/2026/{month}.parquet")).collect();
/// # let _ = (one, years, list, months);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSet(Vec<PathBuf>);

impl FileSet {
    /// The files, in order, of a format whose files end in `ending`: at least one.
    ///
    /// # Errors
    /// `InvalidInput` for no path, a pattern that matches no file and one that is malformed; `Data`
    /// for a folder without files; `Io` for a folder that cannot be read.
    pub(crate) fn resolve(&self, ending: &str) -> Result<Vec<PathBuf>> {
        if self.0.is_empty() {
            return Err(Error::invalid_input("a table of no files has no columns"));
        }
        let mut files = Vec::with_capacity(self.0.len());
        for path in &self.0 {
            if path.is_dir() {
                files.extend(in_folder(path, ending)?);
            } else if let Some(pattern) = pattern(path) {
                files.extend(matching(pattern)?);
            } else {
                files.push(path.clone());
            }
        }
        Ok(files)
    }

    /// What plan text calls the table, by the first path: the stem of the file's name, the folder's
    /// name, or the last part of a pattern without a wildcard.
    pub(crate) fn name(&self) -> String {
        let Some(path) = self.0.first() else {
            return String::new();
        };
        let plain = |part: &&Path| !part.to_string_lossy().contains(WILDCARDS);
        let mut parts = path.ancestors().filter(|part| part.file_name().is_some());
        match pattern(path) {
            Some(_) => {
                let last =
                    parts.find(|part| plain(&Path::new(part.file_name().unwrap_or_default())));
                name_of(last.unwrap_or(path))
            }
            None => name_of(path),
        }
    }
}

/// The path as a pattern, when it is one: what exists as it is written is a path.
fn pattern(path: &Path) -> Option<&str> {
    let text = path.to_str().filter(|text| text.contains(WILDCARDS))?;
    fs::symlink_metadata(path).is_err().then_some(text)
}

/// The files of a folder with this ending, by name.
fn in_folder(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
    for entry in entries {
        let path = entry.map_err(|e| Error::io(folder, e))?.path();
        let name = path.file_name().unwrap_or_default();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if !hidden && path.extension().is_some_and(|found| found == ending) && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        let message = format!("the folder has no file whose name ends in .{ending}");
        return Err(Error::data(message).in_file(folder));
    }
    files.sort_unstable();
    Ok(files)
}

/// The files that match a pattern, by path.
fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let malformed = |e| Error::invalid_input(format!("'{pattern}' is no pattern of paths: {e}"));
    let mut files = Vec::new();
    for found in glob_with(pattern, LIKE_A_SHELL).map_err(malformed)? {
        let path = found.map_err(|e| {
            let folder = e.path().to_owned();
            Error::io(folder, e.into())
        })?;
        if !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::invalid_input(format!("no file matches '{pattern}'")));
    }
    files.sort_unstable();
    Ok(files)
}

/// Checks that a file has the columns of the first one, by name.
///
/// # Errors
/// `Data` naming the column and the first file.
pub(crate) fn same_names<'a>(
    found: impl ExactSizeIterator<Item = &'a String>,
    wanted: impl ExactSizeIterator<Item = &'a String>,
    first: &Path,
) -> Result<()> {
    let first = first.display();
    if found.len() != wanted.len() {
        let (found, wanted) = (found.len(), wanted.len());
        let message = format!("there are {found} columns, but {wanted} in '{first}'");
        return Err(Error::data(message));
    }
    let mut pairs = found.zip(wanted);
    match pairs.find(|(found, wanted)| found != wanted) {
        Some((found, wanted)) => Err(Error::data(format!(
            "column '{found}' stands where '{wanted}' is in '{first}'"
        ))),
        None => Ok(()),
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for FileSet {
    fn from(path: &P) -> Self {
        Self(vec![path.as_ref().to_owned()])
    }
}

impl From<PathBuf> for FileSet {
    fn from(path: PathBuf) -> Self {
        Self(vec![path])
    }
}

impl From<String> for FileSet {
    fn from(path: String) -> Self {
        Self(vec![path.into()])
    }
}

impl<P: AsRef<Path>, const N: usize> From<[P; N]> for FileSet {
    fn from(paths: [P; N]) -> Self {
        paths.into_iter().collect()
    }
}

impl<P: AsRef<Path>> From<Vec<P>> for FileSet {
    fn from(paths: Vec<P>) -> Self {
        paths.into_iter().collect()
    }
}

impl<P: AsRef<Path>> FromIterator<P> for FileSet {
    fn from_iter<I: IntoIterator<Item = P>>(paths: I) -> Self {
        Self(
            paths
                .into_iter()
                .map(|path| path.as_ref().to_owned())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 9] = [
        "b.csv",
        "a.csv",
        "c.CSV",
        "d.txt",
        ".hidden.csv",
        "a[1].csv",
        "sub/x.csv",
        "sub/deep/y.csv",
        "folder.csv/z.csv",
    ];

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in FILES {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        fs::create_dir(root.path().join("empty")).unwrap();
        root
    }

    /// The files that these paths below the root stand for, and the table's name.
    fn resolve(root: &Path, paths: &[&str]) -> Result<(Vec<String>, String)> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
        let files = FileSet::from(paths);
        let below = |path: PathBuf| {
            path.strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        let found = files.resolve("csv")?.into_iter().map(below).collect();
        Ok((found, files.name()))
    }

    #[test]
    fn paths_folders_patterns_and_lists() {
        let root = tree();
        let folder = root.path().file_name().unwrap().to_str().unwrap();
        let check = |paths: &[&str], want: &[&str], name: &str| {
            let (files, found) = resolve(root.path(), paths).unwrap();
            assert_eq!(files, want, "{paths:?}");
            assert_eq!(found, name, "{paths:?}");
        };
        check(&["b.csv"], &["b.csv"], "b");
        check(&["none.csv"], &["none.csv"], "none");
        check(&[""], &["a.csv", "a[1].csv", "b.csv"], folder);
        check(&["folder.csv"], &["folder.csv/z.csv"], "folder");
        check(&["*.csv"], &["a.csv", "a[1].csv", "b.csv"], folder);
        check(&["?.txt"], &["d.txt"], folder);
        check(&["[!b].csv"], &["a.csv"], folder);
        check(&["*/*.csv"], &["folder.csv/z.csv", "sub/x.csv"], folder);
        check(&["*/x.csv"], &["sub/x.csv"], "x");
        check(&["sub/*"], &["sub/x.csv"], "sub");
        let below = ["sub/deep/y.csv", "sub/x.csv"];
        check(&["sub/**/*.csv"], &below, "sub");
        // What exists is no pattern; what does not, is.
        check(&["a[1].csv"], &["a[1].csv"], "a[1]");
        check(&["[a]*.csv"], &["a.csv", "a[1].csv"], folder);
        let mixed = ["b.csv", "sub/x.csv", "a.csv", "b.csv"];
        check(&["b.csv", "sub", "[a].csv", "b.csv"], &mixed, "b");
    }

    #[test]
    fn nothing_is_an_error() {
        let root = tree();
        let check = |paths: &[&str], want: &str| {
            let error = resolve(root.path(), paths).unwrap_err().to_string();
            assert!(error.contains(want), "{paths:?}: {error}");
        };
        check(&["b.csv", "*.orc"], "*.orc'");
        check(&["a[.csv"], "a[.csv' is no pattern");
        check(&["empty"], "no file whose name ends in .csv");
        check(&[], "no files");
    }

    #[test]
    fn names_without_a_folder() {
        let check = |path: &str, want: &str| assert_eq!(FileSet::from(path).name(), want);
        check("x/orders.csv", "orders");
        check("*.csv", "*");
        check("data/2024-*/*.csv", "data");
    }
}
