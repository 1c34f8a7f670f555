//! Whether what came is what was wanted.

use std::fmt;

use esker_dataframe::{Error, ErrorKind, Table};
use serde_json::{Value as Json, json};

use crate::value::Value;

/// What a case wants.
pub(crate) enum Want {
    /// These rows.
    Rows(Rows),
    /// Any clear error.
    Error,
}

/// What a query gave.
pub(crate) type Outcome = Result<Rows, Error>;

/// Rows under names.
#[derive(Clone)]
pub(crate) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// The rows that a case writes as `{columns, rows}`.
    pub(crate) fn from_json(json: &Json) -> Result<Self, String> {
        let list = |name: &str| {
            let list = json[name].as_array();
            list.ok_or_else(|| format!("what it wants has no {name}"))
        };
        let name = |name: &Json| name.as_str().map(str::to_owned);
        let columns = list("columns")?.iter().map(name).collect::<Option<_>>();
        let mut rows = Vec::new();
        for row in list("rows")? {
            let values = row.as_array().ok_or("a row is no list")?;
            rows.push(
                values
                    .iter()
                    .map(Value::from_json)
                    .collect::<Result<_, _>>()?,
            );
        }
        Ok(Self {
            columns: columns.ok_or("a column's name is no text")?,
            rows,
        })
    }

    /// The rows of a table.
    pub(crate) fn of(table: &Table) -> Result<Self, String> {
        let fields = table.schema().fields().iter();
        let mut rows = Vec::new();
        for batch in table.batches() {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter();
                let cells = cells.map(|column| Value::from_array(column.as_ref(), row));
                rows.push(cells.collect::<Result<_, _>>()?);
            }
        }
        Ok(Self {
            columns: fields.map(|field| field.name().clone()).collect(),
            rows,
        })
    }

    /// Whether some value is this text.
    pub(crate) fn contain_text(&self, text: &str) -> bool {
        let is_text = |value: &Value| matches!(value, Value::Text(found) if found == text);
        self.rows.iter().flatten().any(is_text)
    }

    /// Where these rows differ from others, if they do.
    fn difference(mut self, mut got: Self, ordered: bool) -> Option<String> {
        if self.columns != got.columns {
            return Some(format!(
                "wanted columns {:?}, got {:?}",
                self.columns, got.columns
            ));
        }
        if !ordered {
            self.rows.sort();
            got.rows.sort();
        }
        if self.rows == got.rows {
            return None;
        }
        let pairs = self.rows.iter().zip(&got.rows);
        let same = pairs.take_while(|(wanted, got)| wanted == got).count();
        let sorted = if ordered { "" } else { "sorted " };
        Some(format!(
            "wanted {} rows, got {}; {sorted}row {same}: wanted {}, got {}",
            self.rows.len(),
            got.rows.len(),
            Row(self.rows.get(same)),
            Row(got.rows.get(same)),
        ))
    }
}

/// A row for a message.
struct Row<'a>(Option<&'a Vec<Value>>);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(values) => Value::List(values.clone()).fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// Says what is wrong with an outcome, if something is.
pub(crate) fn judge(want: &Want, ordered: bool, outcome: Outcome) -> Result<(), String> {
    match (want, outcome) {
        (_, Err(error)) if matches!(error.kind(), ErrorKind::Internal { .. }) => {
            Err(error.to_string())
        }
        (Want::Error, Err(_)) => Ok(()),
        (Want::Error, Ok(got)) => Err(format!(
            "wanted an error, got {} rows: {}",
            got.rows.len(),
            Row(got.rows.first())
        )),
        (Want::Rows(_), Err(error)) => Err(format!("wanted rows, got the error: {error}")),
        (Want::Rows(wanted), Ok(got)) => {
            wanted.clone().difference(got, ordered).map_or(Ok(()), Err)
        }
    }
}

/// Proves that the comparison can tell values, rows and columns apart, and only those that differ.
pub(crate) fn self_check() -> Result<(), String> {
    let midnight = json!({"$dt": "1969-12-31T00:00:00"});
    let table: [(Json, Json, bool); 17] = [
        (json!(4), json!(4.0), true),
        (json!(-0.0), json!(0), true),
        (json!(4), json!(4.5), false),
        (
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_992.0),
            false,
        ),
        (json!({"$f": "nan"}), json!({"$f": "nan"}), true),
        (json!({"$f": "inf"}), json!({"$f": "inf"}), true),
        (json!({"$f": "inf"}), json!({"$f": "-inf"}), false),
        (json!({"$f": "nan"}), json!(null), false),
        (json!(1), json!("1"), false),
        (json!(1), json!(true), false),
        (json!(0), json!(null), false),
        (json!(""), json!(null), false),
        (json!({"$date": "1969-12-31"}), midnight.clone(), true),
        (json!({"$date": "1969-12-30"}), midnight, false),
        (
            json!({"$time": "00:00:01"}),
            json!({"$dt": "1970-01-01T00:00:01"}),
            false,
        ),
        (json!([1, null]), json!([1.0, null]), true),
        (json!([]), json!(null), false),
    ];
    for (wanted, got, same) in table {
        let one = |value: &Json| json!({"columns": ["a"], "rows": [[value]]});
        check(&one(&wanted), &one(&got), true, same)?;
    }
    let rows = |columns: &[&str], rows: Json| json!({"columns": columns, "rows": rows});
    let two = rows(&["a"], json!([[1], [2]]));
    let swapped = rows(&["a"], json!([[2], [1]]));
    check(&two, &swapped, true, false)?;
    check(&two, &swapped, false, true)?;
    check(&two, &rows(&["a"], json!([[1], [2], [2]])), false, false)?;
    check(&two, &rows(&["a"], json!([[1]])), false, false)?;
    check(&two, &rows(&["A"], json!([[1], [2]])), false, false)?;
    check(
        &rows(&["a", "b"], json!([])),
        &rows(&["b", "a"], json!([])),
        false,
        false,
    )?;
    let refused = || Err(Error::invalid_input("no"));
    let broken = || Err(Error::internal("no"));
    let wanted = Want::Rows(Rows::from_json(&two)?);
    let verdicts = [
        judge(&Want::Error, true, refused()).is_ok(),
        judge(&Want::Error, true, broken()).is_err(),
        judge(&Want::Error, true, Rows::from_json(&two).map(Ok)?).is_err(),
        judge(&wanted, true, refused()).is_err(),
    ];
    match verdicts.contains(&false) {
        true => Err(format!("errors are judged wrongly: {verdicts:?}")),
        false => Ok(()),
    }
}

fn check(wanted: &Json, got: &Json, ordered: bool, same: bool) -> Result<(), String> {
    let want = Want::Rows(Rows::from_json(wanted)?);
    let verdict = judge(&want, ordered, Ok(Rows::from_json(got)?));
    match verdict.is_ok() == same {
        true => Ok(()),
        false => Err(format!(
            "{wanted} and {got} are judged wrongly: {verdict:?}"
        )),
    }
}
