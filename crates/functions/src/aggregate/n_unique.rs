//! `n_unique(x)`: how many distinct values there are.

#![allow(
    clippy::indexing_slicing,
    reason = "groups are below the number of groups, which the states have been resized to, and \
              offsets lie within the items"
)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeListArray, downcast_primitive};
use arrow::datatypes::Field;
use esker_datatypes::{
    Buffers, Column, DataType, Error, Result, Selection, is_binary, is_string, value_type,
};
use esker_kernels::value::{Fixed, Value};
use esker_logical_expr::function::{
    AggregateFunction, AggregateProperties, GroupsAccumulator, Signature,
};
use esker_logical_expr::{Expr, IntoExpr};

use super::common::{
    bytes_of, check_range, columns, counts_column, flags_column, grow, only, states_of_rows,
    unsupported,
};
use super::distinct::{ByteSets, FixedKey, KeySets, Sets, fixed_keys, flag_keys, same_items};
use super::rows::{Rows, for_each_null, with_valid};

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

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        let data_type = only("n_unique", args)?.clone();
        Ok(Box::new(UniqueGroups::new(data_type, self.nulls)?))
    }

    fn options_text(&self) -> Option<String> {
        self.nulls.then(|| "nulls=true".to_owned())
    }
}

/// Empty sets of values of this type.
fn sets_of(data_type: &DataType) -> Result<Box<dyn Sets>> {
    fn fixed<T: Fixed>() -> Box<dyn Sets>
    where
        <T::Value as Value>::Key: FixedKey,
    {
        Box::new(KeySets::new(fixed_keys::<T>))
    }
    macro_rules! fixed {
        ($type:ty) => {
            fixed::<$type>()
        };
    }
    Ok(downcast_primitive! {
        data_type => (fixed),
        // Nulls alone: no key is ever made.
        DataType::Boolean | DataType::Null => Box::new(KeySets::new(flag_keys)),
        t if is_string(t) || is_binary(t) => Box::new(ByteSets::new()),
        other => return Err(unsupported("n_unique", other)),
    })
}

struct UniqueGroups {
    data_type: DataType,
    sets: Box<dyn Sets>,
    counts: Vec<i64>,
    /// Which groups have a null; none when nulls do not count.
    nulls: Option<Vec<bool>>,
}

impl UniqueGroups {
    fn new(data_type: DataType, nulls: bool) -> Result<Self> {
        Ok(Self {
            sets: sets_of(value_type(&data_type))?,
            counts: Vec::new(),
            nulls: nulls.then(Vec::new),
            data_type,
        })
    }

    fn resize(&mut self, n_groups: usize) {
        if n_groups > self.counts.len() {
            self.sets.more_groups();
        }
        grow(&mut self.counts, n_groups, 0);
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
        with_valid(column, groups, selection, buffers, |rows, buffers| {
            self.sets.add(rows, &mut self.counts, buffers)
        })?;
        if let Some(nulls) = &mut self.nulls {
            let counts = &mut self.counts;
            for_each_null(column.nulls().as_ref(), groups, selection, |group| {
                counts[group] += i64::from(!nulls[group]);
                nulls[group] = true;
            });
        }
        Ok(())
    }

    /// The state is a list of the distinct values, as keys, and whether there is a null.
    fn merge(&mut self, groups: &[u32], n_groups: usize, state: &[Column]) -> Result<()> {
        let [lists, flags] = columns(state)?;
        self.resize(n_groups);
        let lists = lists.to_flat();
        let (Some(lists), true) = (lists.as_list_opt::<i64>(), groups.len() == lists.len()) else {
            return Err(Error::internal(
                "merging something that is no list of values",
            ));
        };
        same_items(self.sets.as_ref(), lists.values())?;
        let offsets = lists.value_offsets();
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
            return Ok(());
        };
        let items = lists
            .values()
            .slice(first as usize, (last - first) as usize);
        let mut owners = Vec::with_capacity(items.len());
        for (&group, pair) in groups.iter().zip(offsets.windows(2)) {
            owners.resize((pair[1] - first) as usize, group);
        }
        let rows = Rows {
            array: &items,
            groups: &owners,
            index: None,
            coded: false,
        };
        let buffers = &mut Buffers::default();
        self.sets.add_items(&rows, &mut self.counts, buffers)?;
        if let Some(nulls) = &mut self.nulls {
            let flags = flags.to_flat();
            let Some(flags) = flags.as_boolean_opt() else {
                return Err(Error::internal("merging flags that are not Boolean"));
            };
            for (&group, flag) in groups.iter().zip(flags.values()) {
                let group = group as usize;
                self.counts[group] += i64::from(flag && !nulls[group]);
                nulls[group] |= flag;
            }
        }
        Ok(())
    }

    fn state(&self, groups: Range<usize>) -> Result<Vec<Column>> {
        check_range(&groups, self.counts.len())?;
        let (offsets, items) = self.sets.items(groups.clone(), self.counts.len())?;
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), false));
        let lists: ArrayRef = Arc::new(LargeListArray::try_new(field, offsets, items, None)?);
        let flags = match &self.nulls {
            Some(nulls) => flags_column(&nulls[groups]),
            None => Column::constant(false.into(), groups.len()),
        };
        Ok(vec![Column::flat(lists), flags])
    }

    fn finish(&self, groups: Range<usize>) -> Result<Column> {
        check_range(&groups, self.counts.len())?;
        Ok(counts_column(&self.counts[groups]))
    }

    fn size(&self) -> usize {
        let nulls = self.nulls.as_ref().map_or(0, bytes_of);
        self.sets.size() + bytes_of(&self.counts) + nulls
    }

    /// Touches the whole table: meant for many groups at a time.
    fn reset(&mut self, groups: Range<usize>) -> Result<()> {
        check_range(&groups, self.counts.len())?;
        self.sets.clear(&groups);
        self.counts[groups.clone()].fill(0);
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
