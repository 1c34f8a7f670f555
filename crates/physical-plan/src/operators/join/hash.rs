//! Pairs rows whose keys are equal.

use std::sync::{Arc, PoisonError};

use esker_datatypes::{Batch, Column, DataType, Error, Result};
use esker_kernels::hash_table::{JoinKeys, Matches, ProbeState};
use esker_logical_expr::Expr;
use esker_logical_plan::{RowPredicate, Side};
use esker_runtime::{Reservation, TaskContext};

use super::build::BuildSink;
use super::build_keys::BuildKeys;
use super::built::Built;
use super::probe::{Candidates, LocalProbe};
use super::{JoinSpec, RuntimeFilter, Shared, role};
use crate::expression::{Program, ProgramState};
use crate::pipeline::{LocalOperator, Operator};
use crate::plan::Role;

/// The keys of a join.
#[derive(Clone, Debug)]
pub struct EquiKeys {
    /// Pairs of a key of the left and one of the right side, resolved and coerced.
    pub on: Vec<(Expr, Expr)>,
    /// Whether a null equals a null.
    pub nulls_equal: bool,
    /// A verification setting: all keys have the same hash.
    pub constant_hash: bool,
}

/// The probe of a hash join: looks the keys of each batch up in the table of the build side.
#[derive(Debug)]
pub struct HashJoinExec {
    shared: Arc<Shared>,
    keys: Arc<Program>,
}

impl HashJoinExec {
    /// The role of a join whose pairs have equal keys and meet its condition.
    ///
    /// # Errors
    /// Those of compiling keys and condition; `Unsupported` for keys of a type without equality;
    /// `Internal` for pairs of keys of different types.
    pub fn role(spec: &JoinSpec, keys: &EquiKeys) -> Result<Role> {
        Ok(Self::filtering_role(spec, keys)?.0)
    }

    /// The same, and what makes filters for the scans of the probe side, where the join drops rows
    /// without a match.
    ///
    /// # Errors
    /// As [`role`](Self::role).
    pub(crate) fn filtering_role(
        spec: &JoinSpec,
        keys: &EquiKeys,
    ) -> Result<(Role, Option<FilterMaker>)> {
        let shared = Arc::new(Shared::new(spec, "HashJoinExec")?);
        let left: Vec<&Expr> = keys.on.iter().map(|(left, _)| left).collect();
        let right: Vec<&Expr> = keys.on.iter().map(|(_, right)| right).collect();
        let (build, probe) = match spec.build {
            Side::Left => (left, right),
            Side::Right => (right, left),
        };
        let probe = Program::compile(&probe, spec.probe_schema())?;
        let types = Program::compile(&build, spec.build_schema())?;
        check_types(&probe, &types)?;
        let table = JoinKeys::new(types.types(), keys.nulls_equal, keys.constant_hash)?;
        let build_keys = BuildKeys::new(table, &build, spec.build_schema(), &shared.payload)?;
        let build = BuildSink::new(Arc::clone(&shared), Some(build_keys));
        let probe = Arc::new(Self {
            shared: Arc::clone(&shared),
            keys: probe,
        });
        let maker = FilterMaker::new(&shared, spec, keys);
        Ok((role(shared, build, probe), maker))
    }
}

/// Makes filters of the keys that the build side will have.
pub(crate) struct FilterMaker {
    shared: Arc<Shared>,
    keys: Vec<FilterKey>,
}

/// A key by which the rows of the probe side may be filtered.
#[derive(Clone, Debug)]
pub(crate) struct FilterKey {
    /// Its position among the keys.
    at: usize,
    /// Its place among the columns of the probe side.
    pub(crate) column: usize,
    data_type: DataType,
}

impl FilterMaker {
    fn new(shared: &Arc<Shared>, spec: &JoinSpec, keys: &EquiKeys) -> Option<Self> {
        if keys.nulls_equal || keys.constant_hash || !shared.drops_unmatched() {
            return None;
        }
        let schema = spec.probe_schema();
        let key = |(at, (left, right)): (usize, &(Expr, Expr))| {
            let key = match spec.build {
                Side::Left => right,
                Side::Right => left,
            };
            let column = schema.index_of(key.as_column()?)?;
            let data_type = schema.field(column)?.data_type().clone();
            Some(FilterKey {
                at,
                column,
                data_type,
            })
        };
        Some(Self {
            shared: Arc::clone(shared),
            keys: keys.on.iter().enumerate().filter_map(key).collect(),
        })
    }

    /// The keys that are columns of the probe side.
    pub(crate) fn keys(&self) -> &[FilterKey] {
        &self.keys
    }

    /// A filter by a key of a column that a scan reads, by its place, and how many integers there are
    /// from its least to its greatest value.
    pub(crate) fn filter(
        &self,
        key: &FilterKey,
        column: usize,
        span: Option<u64>,
    ) -> Arc<dyn RowPredicate> {
        let mut wanted = self
            .shared
            .wanted_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        wanted.push(key.at);
        Arc::new(RuntimeFilter::new(
            Arc::clone(&self.shared),
            key.at,
            (column, key.data_type.clone()),
            span.unwrap_or(0),
        ))
    }
}

/// The keys of both sides have the same types, but for the layout of text and binary.
fn check_types(probe: &Program, build: &Program) -> Result<()> {
    use esker_datatypes::{is_binary, is_string, value_type};
    let pairs = probe.types().iter().zip(build.types());
    for (probe, build) in pairs {
        let (probe, build) = (value_type(probe), value_type(build));
        let alike = probe == build
            || (is_string(probe) && is_string(build))
            || (is_binary(probe) && is_binary(build));
        if !alike {
            return Err(Error::internal(format!("a join of {probe} with {build}")));
        }
    }
    Ok(())
}

impl Operator for HashJoinExec {
    fn open(&self, cx: &mut TaskContext) -> Result<Box<dyn LocalOperator>> {
        let candidates = Lookup {
            keys: Arc::clone(&self.keys),
            program: ProgramState::default(),
            probe: ProbeState::default(),
            found: Matches::default(),
            memory: cx.query.memory().reserve(self.shared.name),
        };
        Ok(Box::new(LocalProbe::new(
            Arc::clone(&self.shared),
            candidates,
        )))
    }
}

struct Lookup {
    keys: Arc<Program>,
    program: ProgramState,
    probe: ProbeState,
    /// The build rows of each selected row; empty when there are none at all.
    found: Matches,
    /// What is remembered of dictionaries.
    memory: Reservation,
}

impl Candidates for Lookup {
    fn find(&mut self, input: &Batch, built: &Built, cx: &mut TaskContext) -> Result<()> {
        self.found.clear();
        let selection = input.selection();
        // Keys that can fail do so whether there is something to find or not.
        if selection.is_none() || (built.table.is_none() && !self.keys.is_fallible()) {
            return Ok(());
        }
        let (state, buffers) = (&mut self.program, &mut cx.buffers);
        let keys = self.keys.evaluate(input, selection, state, buffers)?;
        let Some(table) = &built.table else {
            return Ok(());
        };
        let columns: Vec<&Column> = keys.iter().collect();
        let (state, found) = (&mut self.probe, &mut self.found);
        table.probe(&columns, selection, state, buffers, found)?;
        let remembered = state.size() as u64;
        if remembered != self.memory.size() {
            self.memory.try_resize(remembered)?;
        }
        keys.into_iter().for_each(|key| buffers.recycle_column(key));
        Ok(())
    }

    #[inline]
    fn of<'a>(&'a self, built: &'a Built, slot: usize) -> &'a [u32] {
        match &built.table {
            Some(table) => table.rows_of(&self.found, slot),
            None => &[],
        }
    }

    fn single(&self) -> Option<&[u32]> {
        self.found.single()
    }
}
