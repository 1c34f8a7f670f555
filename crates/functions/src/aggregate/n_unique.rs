//! `n_unique(x)`: how many distinct values there are.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use esker_datatypes::{Buffers, Column, DataType, Error, Result, Selection, value_type};
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};
use esker_logical_expr::{Expr, Interval, IntoExpr};

use super::bounds::counts;
use super::common::{
    bytes_of, check_range, columns, flags_column, grow, list_column, list_items, only,
    states_of_rows,
};
use super::count::Count;
use super::distinct::{ValueSets, sets_of};
use super::rows::for_each_null;

/// `n_unique(x)` with its options: how many distinct values a group has, `Int64`, never null.
///
/// ```
/// use esker_functions::NUnique;
/// let unique = NUnique::new().nulls(true).of("x");
/// assert_eq!(unique.to_string(), "N_UNIQUE(#x, nulls=true)");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NUnique {
    nulls: bool,
}

impl NUnique {
    /// Counts distinct values that are not null.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether null counts as a value.
    #[must_use]
    pub fn nulls(mut self, count: bool) -> Self {
        self.nulls = count;
        self
    }

    /// The count of an expression's distinct values.
    pub fn of(self, expr: impl IntoExpr) -> Expr {
        Expr::aggregate(Arc::new(self), [expr.into_expr()])
    }
}

impl AggregateFunction for NUnique {
    fn name(&self) -> &str {
        "n_unique"
    }

    fn signature(&self) -> Signature {
        Signature::any(1..=1)
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn properties(&self) -> AggregateProperties {
        let mut properties = AggregateProperties::default();
        properties.nullable = false;
        properties.duplicate_insensitive = true;
        properties
    }

    fn bounds(&self, _args: &[Interval], rows: u64) -> Option<Interval> {
        counts(rows)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        let data_type = only("n_unique", args)?.clone();
        Ok(Box::new(UniqueGroups::new(data_type, self.nulls)?))
    }

    fn of_distinct(&self) -> Option<Arc<dyn AggregateFunction>> {
        Some(Arc::new(Count::new().nulls(self.nulls)))
    }

    fn options_text(&self) -> Option<String> {
        self.nulls.then(|| "nulls=true".to_owned())
    }
}

struct UniqueGroups {
    data_type: DataType,
    sets: Box<dyn ValueSets>,
    /// Which groups have a null; none when nulls do not count.
    nulls: Option<Vec<bool>>,
}

impl UniqueGroups {
    fn new(data_type: DataType, nulls: bool) -> Result<Self> {
        Ok(Self {
            sets: sets_of(value_type(&data_type))?,
            nulls: nulls.then(Vec::new),
            data_type,
        })
    }

    fn resize(&mut self, n_groups: usize) {
        self.sets.resize(n_groups);
        if let Some(nulls) = &mut self.nulls {
            grow(nulls, n_groups, false);
        }
    }
}

impl GroupsAccumulator for UniqueGroups {
    fn update(
        &mut self,
        groups: &[u32],
        n_groups: usize,
        values: &[Column],
        selection: &Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        let [column] = columns(values)?;
        self.resize(n_groups);
        self.sets.add(column, groups, selection, buffers)?;
        if let Some(flags) = &mut self.nulls {
            for_each_null(column.nulls().as_ref(), groups, selection, |group| {
                flags[group] = true;
            });
        }
        Ok(())
    }

    /// The state is a list of the distinct values, as keys, and whether there is a null.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [lists, flags] = columns(state)?;
        self.resize(n_groups);
        let (offsets, items) = list_items(lists, groups)?;
        self.sets.add_items(groups, &offsets, &items)?;
        if let Some(nulls) = &mut self.nulls {
            let flags = flags.to_flat();
            let Some(flags) = flags.as_boolean_opt() else {
                return Err(Error::internal("merging flags that are not Boolean"));
            };
            for (&group, flag) in groups.iter().zip(flags.values()) {
                nulls[group as usize] |= flag;
            }
        }
        Ok(())
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.sets.len())?;
        let (offsets, items) = self.sets.items(groups.clone())?;
        let flags = match &self.nulls {
            Some(nulls) => flags_column(&nulls[groups]),
            None => Column::constant(false.into(), groups.len()),
        };
        Ok(vec![list_column(offsets, items)?, flags])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.sets.len())?;
        let mut counts = self.sets.counts(groups.clone());
        if let Some(nulls) = &self.nulls {
            let flags = nulls[groups].iter();
            counts
                .iter_mut()
                .zip(flags)
                .for_each(|(count, &null)| *count += i64::from(null));
        }
        Ok(Column::flat(Arc::new(Int64Array::from(counts))))
    }

    fn size(&self) -> usize {
        self.sets.size() + self.nulls.as_ref().map_or(0, bytes_of)
    }

    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.sets.len())?;
        self.sets.clear(groups.clone())?;
        if let Some(nulls) = &mut self.nulls {
            nulls[groups].fill(false);
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[Column], selection: &Selection) -> Result<Vec<Column>> {
        let fresh = Self::new(self.data_type.clone(), self.nulls.is_some())?;
        states_of_rows(fresh, values, selection)
    }
}
