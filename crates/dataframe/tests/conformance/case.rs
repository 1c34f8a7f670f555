//! What a case asks: a line of JSON, taken apart but not yet built.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::compare::{Rows, Want};

/// One case.
pub(crate) struct Case {
    /// The tables by name; the pipeline starts from the first.
    pub(crate) tables: Vec<(String, Json)>,
    /// The steps, each a list that starts with its name.
    pub(crate) pipeline: Vec<Json>,
    /// Whether the order of the rows counts.
    pub(crate) ordered: bool,
    /// What must come.
    pub(crate) want: Want,
}

/// The id of a line, and its case or what is wrong with it.
pub(crate) type Line = (String, Result<Case, String>);

/// Every line of every `*.jsonl` in a directory, by file name.
pub(crate) fn read_all(directory: &Path) -> Result<Vec<Line>, String> {
    let failed = |error| format!("{}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            files.push(path);
        }
    }
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        for (at, line) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
        {
            let json: Json = serde_json::from_str(line)
                .map_err(|e| format!("{}, line {}: {e}", file.display(), at + 1))?;
            let id = json.get("id").and_then(Json::as_str);
            let id = id.unwrap_or("a case without an id");
            cases.push((id.to_owned(), Case::parse(&json, line)));
        }
    }
    if cases.is_empty() {
        return Err(format!("{} holds no cases", directory.display()));
    }
    Ok(cases)
}

impl Case {
    /// The case of a line, which is given also as it was written.
    fn parse(json: &Json, line: &str) -> Result<Self, String> {
        let tables = json["tables"].as_object().ok_or("it has no tables")?;
        let mut tables: Vec<(String, Json)> = tables.clone().into_iter().collect();
        tables.sort_by_key(|(name, _)| line.find(&format!("{}:", Json::from(name.as_str()))));
        Ok(Self {
            tables,
            pipeline: json["pipeline"]
                .as_array()
                .ok_or("it has no pipeline")?
                .clone(),
            ordered: json["ordered"]
                .as_bool()
                .ok_or("it is neither ordered nor not")?,
            want: want(json)?,
        })
    }
}

/// What the policy makes of the reference and of what is expected in its place.
fn want(json: &Json) -> Result<Want, String> {
    let wanted = match json["policy"].as_str() {
        Some("match" | "match_raw") => &json["reference"],
        Some("diverge" | "match_values_except_empty") => &json["expected"],
        Some("match_error") => return Ok(Want::Error),
        _ => return Err(format!("its policy is {}", json["policy"])),
    };
    match wanted.get("error") {
        Some(_) => Ok(Want::Error),
        None => Rows::from_json(wanted).map(Want::Rows),
    }
}
