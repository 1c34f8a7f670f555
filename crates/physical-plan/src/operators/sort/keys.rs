//! What rows are sorted by: compiled keys, and how they become bytes or words that compare.

use std::fmt;
use std::sync::Arc;

use esker_datatypes::{Batch, Buffers, Column, DataType, Error, Result, Schema};
use esker_kernels::sort_key::{KeyRows, SortKeys, SortOptions};
use esker_logical_expr::{Expr, SortKey};

use super::threshold::FirstKey;
use crate::expression::{Program, ProgramState};

/// Sort keys over the columns of an input.
///
/// Keys that are columns are taken as they are, so that a sort holds them once; the others are
/// computed, and stand behind the columns of the input.
pub struct SortSpec {
    computed: Option<Arc<Program>>,
    /// Where each key stands among the columns of the input and the computed ones behind them.
    places: Vec<usize>,
    encoder: SortKeys,
    /// The first key, where it can be tested alone.
    first: Option<FirstKey>,
    /// The declared types of the input's columns.
    types: Vec<DataType>,
}

impl SortSpec {
    /// Compiles keys, which are resolved and coerced, over the columns of `input`.
    ///
    /// # Errors
    /// `Unsupported` for a type without an order; those of [`Program::compile`].
    pub fn compile(keys: &[SortKey], input: &Schema) -> Result<Self> {
        let position = |key: &SortKey| input.index_of(key.expr.unaliased().as_column()?);
        let exprs: Vec<&Expr> = keys
            .iter()
            .filter(|key| position(key).is_none())
            .map(|key| &key.expr)
            .collect();
        let computed = match exprs.as_slice() {
            [] => None,
            exprs => Some(Program::compile(exprs, input)?),
        };
        let mut types: Vec<DataType> = input
            .fields()
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let width = types.len();
        types.extend(computed.iter().flat_map(|program| program.types().to_vec()));
        let mut behind = width..;
        let (mut places, mut columns) = (Vec::new(), Vec::new());
        for key in keys {
            let place = position(key).or_else(|| behind.next()).unwrap_or_default();
            let Some(data_type) = types.get(place) else {
                return Err(Error::internal(format!("sort key {key} has no type")));
            };
            let options = SortOptions {
                descending: key.descending,
                nulls_first: key.nulls_first,
            };
            columns.push((data_type.clone(), options));
            places.push(place);
        }
        let first = keys.first().zip(columns.first());
        let first = first.and_then(|(key, (data_type, _))| FirstKey::new(key, data_type));
        types.truncate(width);
        Ok(Self {
            computed,
            places,
            encoder: SortKeys::new(&columns)?,
            first,
            types,
        })
    }

    /// The declared types of the input's columns.
    pub(crate) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The first key, where it can be tested alone.
    pub(super) fn first(&self) -> Option<&FirstKey> {
        self.first.as_ref()
    }

    /// Whether rows whose first keys are equal are equal.
    pub(super) fn is_single(&self) -> bool {
        self.places.len() == 1
    }

    /// The place of the first key among the columns of the input, where it is one of them, can be
    /// tested alone, and no other key can fail on the rows that the test drops.
    pub(super) fn first_column(&self) -> Option<usize> {
        let computed = self.computed.as_ref();
        let fallible = computed.is_some_and(|program| program.is_fallible());
        let place = *self.places.first()?;
        (self.first.is_some() && !fallible && place < self.types.len()).then_some(place)
    }

    /// The keys of a batch that are no columns of it; what stands in rows that are not selected does
    /// not matter.
    pub(crate) fn compute(
        &self,
        batch: &Batch,
        state: &mut ProgramState,
        buffers: &mut Buffers,
    ) -> Result<Vec<Column>> {
        match &self.computed {
            Some(program) => program.evaluate(batch, batch.selection(), state, buffers),
            None => Ok(Vec::new()),
        }
    }

    /// The key columns, in the order of the keys, of columns of the input and those computed.
    pub(crate) fn key_columns<'a>(
        &self,
        columns: &'a [Column],
        computed: &'a [Column],
    ) -> Result<Vec<&'a Column>> {
        let places = self.places.iter();
        places
            .map(|&place| key_column(place, columns, computed))
            .collect()
    }

    /// The first key column of these; the first of all columns where there are no keys.
    pub(super) fn first_key_column<'a>(
        &self,
        columns: &'a [Column],
        computed: &'a [Column],
    ) -> Result<&'a Column> {
        let place = self.places.first().copied().unwrap_or_default();
        key_column(place, columns, computed)
    }

    /// The keys of dense key columns.
    pub(crate) fn encode(
        &self,
        columns: &[&Column],
        rows: usize,
        buffers: &mut Buffers,
    ) -> Result<KeyRows> {
        self.encoder.encode(columns, rows, buffers)
    }
}

fn key_column<'a>(
    place: usize,
    columns: &'a [Column],
    computed: &'a [Column],
) -> Result<&'a Column> {
    let column = match place.checked_sub(columns.len()) {
        Some(behind) => computed.get(behind),
        None => columns.get(place),
    };
    column.ok_or_else(|| Error::internal(format!("no sort key at {place}")))
}

impl fmt::Debug for SortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortSpec")
            .field("computed", &self.computed)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}
