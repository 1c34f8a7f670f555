//! Rows, and how far their order is promised.

use std::cmp::Ordering;

use super::types::Type;
use super::value::Value;

/// A column of a relation.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: Type,
    /// Its values depend on the order in which floats were added: they are compared up to rounding.
    pub(crate) approximate: bool,
}

/// A row. Rows of a lower rank come first; among those of one rank the order is not promised.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) rank: usize,
    pub(crate) values: Vec<Value>,
}

/// Rows in the order of their ranks.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// Why there are no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A value has no result: an overflow, a cast that fails, a second row where one may be.
    Fails(String),
    /// More than one result is right.
    Ambiguous,
    /// The plan makes no sense (or none that this engine knows).
    Invalid(String),
}

impl Stop {
    pub(crate) fn fails<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Fails(why.into()))
    }

    pub(crate) fn invalid<T>(why: impl Into<String>) -> Result<T, Self> {
        Err(Self::Invalid(why.into()))
    }
}

impl Relation {
    /// The relation without promises about order.
    pub(crate) fn unordered(mut self) -> Self {
        self.rows.iter_mut().for_each(|row| row.rank = 0);
        self
    }

    /// Sorts by keys that were computed for the rows, keeping promised order where they are equal.
    pub(crate) fn ranked_by<K>(
        columns: Vec<Column>,
        keyed: Vec<(K, Vec<Value>)>,
        compare: impl Fn(&K, &K) -> Ordering,
    ) -> Self {
        let mut keyed = keyed;
        keyed.sort_by(|(a, _), (b, _)| compare(a, b));
        let mut rows: Vec<Row> = Vec::with_capacity(keyed.len());
        let mut before: Option<K> = None;
        let mut rank = 0;
        for (key, values) in keyed {
            if before.is_some_and(|before| compare(&before, &key) != Ordering::Equal) {
                rank += 1;
            }
            before = Some(key);
            rows.push(Row { rank, values });
        }
        Self { columns, rows }
    }

    /// The position of a column.
    pub(crate) fn position(&self, name: &str) -> Result<usize, Stop> {
        let found = self.columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| Stop::Invalid(format!("there is no column {name}")))
    }

    /// That no two columns have the same name.
    pub(crate) fn check_names(columns: &[Column]) -> Result<(), Stop> {
        let twice =
            |(at, column): (usize, &Column)| columns.iter().take(at).any(|c| c.name == column.name);
        match columns.iter().enumerate().any(twice) {
            true => Stop::invalid("two columns have the same name"),
            false => Ok(()),
        }
    }

    /// The first row of several; ambiguous when the order leaves it open and it matters.
    pub(crate) fn first<'a>(rows: &[&'a Row]) -> Result<Option<&'a Row>, Stop> {
        let Some(first) = rows.iter().min_by_key(|row| row.rank) else {
            return Ok(None);
        };
        let mut peers = rows.iter().filter(|row| row.rank == first.rank);
        match peers.all(|row| row.values == first.values) {
            true => Ok(Some(first)),
            false => Err(Stop::Ambiguous),
        }
    }
}
