//! The condition that a pair must meet beside equal keys.

use std::sync::Arc;

use esker_datatypes::{Batch, Buffers, Column, Error, Result, Schema, Selection};
use esker_kernels::select;
use esker_kernels::select::chunks::NO_ROW;
use esker_logical_expr::Expr;
use esker_logical_plan::Side;

use super::JoinSpec;
use super::built::Built;
use super::pairs::Pairs;
use crate::expression::{Program, ProgramState};

/// A predicate over columns of both sides, of which only those it reads are gathered.
#[derive(Debug)]
pub(super) struct PairFilter {
    program: Arc<Program>,
    /// Where each column comes from that the program reads.
    columns: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The column of the probe batch at this position.
    Probe(usize),
    /// The kept column of this number.
    Build(usize),
}

impl PairFilter {
    /// Compiles the predicate, and adds to the columns that are `kept` of the build side those that
    /// it reads.
    pub(super) fn new(
        filter: &Expr,
        spec: &JoinSpec,
        mut kept: Vec<usize>,
    ) -> Result<(Self, Vec<usize>)> {
        let fields = spec.left.fields().iter().chain(spec.right.fields());
        let both: Schema = fields.cloned().collect();
        let inputs = Program::compile(&[filter], &both)?.inputs().to_vec();
        let read: Schema = inputs
            .iter()
            .filter_map(|&at| both.field(at).cloned())
            .collect();
        let width = spec.left.len();
        let columns = inputs.iter().map(|&at| {
            let (side, at) = match at.checked_sub(width) {
                None => (Side::Left, at),
                Some(at) => (Side::Right, at),
            };
            if side != spec.build {
                return Place::Probe(at);
            }
            let known = kept.iter().position(|&column| column == at);
            Place::Build(known.unwrap_or_else(|| {
                kept.push(at);
                kept.len() - 1
            }))
        });
        let filter = Self {
            columns: columns.collect(),
            program: Program::compile(&[filter], &read)?,
        };
        Ok((filter, kept))
    }

    /// Whether it has an answer for every pair: then it need not see those whose answer does not
    /// matter. Which ones these are depends on how the pairs are cut, and errors must not.
    pub(super) fn never_fails(&self) -> bool {
        !self.program.is_fallible()
    }

    /// The pairs of two rows that meet it.
    pub(super) fn select(
        &self,
        probe: &Batch,
        built: &Built,
        pairs: &Pairs,
        state: &mut ProgramState,
        buffers: &mut Buffers,
    ) -> Result<Selection> {
        let rows = pairs.len();
        let mut selection = Selection::all(rows);
        // What is in the place of no row does not matter: any row is cheaper than a null.
        let mut ids = buffers.take(rows);
        ids.extend_from_slice(&pairs.ids);
        if let Some(&some) = ids.iter().find(|&&id| id != NO_ROW) {
            if ids.contains(&NO_ROW) {
                selection.retain(|at| pairs.ids.get(at) != Some(&NO_ROW));
                ids.iter_mut()
                    .filter(|id| **id == NO_ROW)
                    .for_each(|id| *id = some);
            }
        } else {
            buffers.give(ids);
            return Ok(Selection::none(rows));
        }
        let columns = self.columns.iter().map(|place| match *place {
            Place::Probe(at) => take(probe.column(at)?, &pairs.rows, buffers),
            Place::Build(at) => match built.payload.get(at) {
                Some(column) => built.gather_column(column, &ids, buffers),
                None => Err(Error::internal("a join's condition reads what is not kept")),
            },
        });
        let mut batch = Batch::new(columns.collect::<Result<_>>()?, rows);
        buffers.give(ids);
        self.program
            .select(&batch, &mut selection, state, buffers)?;
        buffers.recycle_batch(&mut batch);
        Ok(selection)
    }
}

/// From so many pairs of the same row on, its values stand for all of them.
const REPEATED: usize = 16;

/// The rows of a column, which ascend.
pub(super) fn take(column: &Column, rows: &[u32], buffers: &mut Buffers) -> Result<Column> {
    match (rows.first(), rows.last()) {
        (Some(&first), Some(&last)) if first == last && rows.len() >= REPEATED => {
            let value = column.value(first as usize)?;
            Ok(Column::constant(value, rows.len()).with_declared_type(column.data_type()))
        }
        _ => select::take(column, rows, buffers),
    }
}
