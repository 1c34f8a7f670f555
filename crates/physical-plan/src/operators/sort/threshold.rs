//! What the first sort key of a row must reach if the row is to be among the first ones.

use std::fmt;

use arrow::array::{Array, AsArray};
use esker_datatypes::{
    Buffers, Column, DataType, Result, ScalarValue, Selection, is_binary, is_string, value_type,
};
use esker_kernels::compare::{self, CompareOp};
use esker_logical_expr::{Expr, SortKey, lit};
use esker_logical_plan::{ColumnStats, Verdict, prune};

/// The first of the sort keys, of a type of which single values say whether a row comes too late.
#[derive(Debug)]
pub(super) struct FirstKey {
    expr: Expr,
    descending: bool,
    nulls_first: bool,
}

/// The first key of a row that has enough others before it, or beside it: a row whose own first key
/// stands behind is not wanted. Rows with the same first key may be.
pub(super) struct Threshold {
    /// `None` for null.
    value: Option<ScalarValue>,
    descending: bool,
    nulls_first: bool,
    /// The same about the key's expression, for statistics.
    reached: Expr,
}

impl FirstKey {
    /// A key of values of this type; `None` where values are compared in parts.
    pub(super) fn new(key: &SortKey, data_type: &DataType) -> Option<Self> {
        let values = value_type(data_type);
        let compares = match values {
            DataType::Interval(_) => false,
            DataType::Boolean | DataType::FixedSizeBinary(_) => true,
            values => values.is_primitive() || is_string(values) || is_binary(values),
        };
        compares.then(|| Self {
            expr: key.expr.unaliased().clone(),
            descending: key.descending,
            nulls_first: key.nulls_first,
        })
    }

    /// What a key must reach; `None` if all do.
    pub(super) fn threshold(&self, value: ScalarValue) -> Option<Threshold> {
        let (key, nulls_first) = (self.expr.clone(), self.nulls_first);
        let (value, reached) = match (value.is_null(), nulls_first) {
            (true, false) => return None,
            (true, true) => (None, key.is_null()),
            (false, _) => {
                let literal = lit(value.clone());
                let reached = match self.descending {
                    true => key.clone().gt_eq(literal),
                    false => key.clone().lt_eq(literal),
                };
                let reached = match nulls_first {
                    true => reached.or(key.is_null()),
                    false => reached,
                };
                (Some(value), reached)
            }
        };
        Some(Threshold {
            value,
            descending: self.descending,
            nulls_first,
            reached,
        })
    }
}

impl Threshold {
    /// Keeps the selected rows whose key, in `column`, reaches it; with `exceed` only those that
    /// stand before it.
    ///
    /// # Errors
    /// `Internal` for a column of another type.
    pub(super) fn narrow(
        &self,
        column: &Column,
        exceed: bool,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let nulls = column.nulls();
        let Some(value) = &self.value else {
            match nulls.filter(|_| !exceed) {
                Some(nulls) => selection.retain(|row| nulls.is_null(row)),
                None => *selection = Selection::none(selection.len()),
            }
            return Ok(());
        };
        let op = match (self.descending, exceed) {
            (true, false) => CompareOp::GtEq,
            (true, true) => CompareOp::Gt,
            (false, false) => CompareOp::LtEq,
            (false, true) => CompareOp::Lt,
        };
        let value = Column::constant(value.clone(), column.len());
        if nulls.is_none() || !self.nulls_first {
            return compare::select(op, column, &value, selection, buffers);
        }
        // Neither those that stand behind, nor those of which that is unknown, but nulls.
        let behind = compare::compare(op.negate(), column, &value, selection, buffers)?;
        let flat = behind.to_flat();
        let known = flat.as_boolean();
        selection.retain(|row| known.is_null(row) || !known.value(row));
        drop(flat);
        buffers.recycle_column(behind);
        Ok(())
    }

    /// What is known of rows whose key is the column at this place of the statistics.
    pub(super) fn prune(&self, column: usize, stats: &dyn ColumnStats) -> Verdict {
        prune(&self.reached, &|_| Some(column), stats)
    }
}

impl fmt::Debug for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reached)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, StringViewArray};
    use esker_datatypes::{Field, Schema};
    use esker_logical_expr::{Interval, col, resolve};
    use proptest::prelude::*;

    use super::*;

    /// Floats and texts of one order: NaN is the greatest float, and -0.0 is 0.0.
    const FLOATS: [f64; 6] = [f64::NEG_INFINITY, -1.5, -0.0, 2.0, f64::INFINITY, f64::NAN];
    const TEXTS: [&str; 6] = ["", "a", "a text of some length", "b", "bb", "\u{e9}"];

    fn column(ranks: &[Option<usize>], text: bool, encoded: bool, turn: bool) -> Column {
        let ranks = ranks.iter();
        let array: ArrayRef = if text {
            let texts = ranks.map(|rank| rank.map(|rank| TEXTS[rank]));
            Arc::new(texts.collect::<StringViewArray>())
        } else {
            let zero = |float: f64| if turn && float == 0.0 { 0.0 } else { float };
            let floats = ranks.map(|rank| rank.map(|rank| zero(FLOATS[rank])));
            Arc::new(floats.collect::<Float64Array>())
        };
        let column = Column::flat(array);
        match encoded {
            true => column.dictionary_encoded(),
            false => column,
        }
    }

    /// Whether a row stands behind another, by the words of the definition.
    fn is_behind(row: Option<usize>, last: Option<usize>, (down, first): (bool, bool)) -> bool {
        let order = match (row, last) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) if first => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) if first => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(row), Some(last)) if down => last.cmp(&row),
            (Some(row), Some(last)) => row.cmp(&last),
        };
        order.is_gt()
    }

    struct Known(Interval);

    impl ColumnStats for Known {
        fn rows(&self) -> Option<u64> {
            None
        }

        fn interval(&self, column: usize) -> Option<Interval> {
            (column == 3).then(|| self.0.clone())
        }
    }

    /// What the least and the greatest value and the number of nulls say.
    fn known(ranks: &[Option<usize>], text: bool) -> Known {
        let value = |rank: &usize| column(&[Some(*rank)], text, false, false).value(0).unwrap();
        let nan = ranks.contains(&Some(5)) && !text;
        let values = ranks.iter().flatten().filter(|&&rank| text || rank < 5);
        let (least, most) = (values.clone().min(), values.max());
        let data_type = column(&[], text, false, false).value_type().clone();
        let interval = match least {
            Some(_) => Interval::between(&data_type, least.map(value), most.map(value)),
            None => Interval::unknown(&data_type),
        };
        Known(interval.with_nan(nan).with_null(ranks.contains(&None)))
    }

    proptest! {
        #[test]
        fn rows_behind_are_dropped_and_no_others(
            ranks in prop::collection::vec(prop::option::weighted(0.8, 0..6usize), 0..40),
            last in prop::option::weighted(0.8, 0..6usize),
            (text, encoded, down, first) in any::<(bool, bool, bool, bool)>(),
            (every, exceed) in (1..4usize, any::<bool>()),
        ) {
            let key = col("k");
            let data_type = column(&[], text, false, false).value_type().clone();
            let schema: Schema = [Field::new("k", data_type.clone(), true)].into_iter().collect();
            let key = resolve(key, &schema).unwrap();
            let key = if down { key.desc() } else { key.asc() };
            let key = if first { key.nulls_first() } else { key };
            let key = FirstKey::new(&key, &data_type).unwrap();
            let value = column(&[last], text, encoded, true).value(0).unwrap();
            let behind = |row: Option<usize>| is_behind(row, last, (down, first));
            let Some(threshold) = key.threshold(value) else {
                prop_assert!(ranks.iter().all(|&row| !behind(row)));
                return Ok(());
            };
            let selected = (0..ranks.len()).step_by(every).map(|row| row as u32).collect();
            let mut found = Selection::from_rows(ranks.len(), selected);
            let column = column(&ranks, text, encoded, false);
            threshold.narrow(&column, exceed, &mut found, &mut Buffers::default()).unwrap();
            let out = |row: Option<usize>| behind(row) || exceed && row == last;
            let wanted = (0..ranks.len()).step_by(every).filter(|&row| !out(ranks[row]));
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
            let late = ranks.iter().filter(|&&row| behind(row)).count();
            match threshold.prune(3, &known(&ranks, text)) {
                Verdict::Drop => prop_assert_eq!(late, ranks.len()),
                Verdict::AllPass => prop_assert_eq!(late, 0),
                Verdict::Maybe => {}
            }
        }
    }
}
