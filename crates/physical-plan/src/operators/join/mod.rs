//! Joins: a build side kept in chunks, a probe that pairs the other side's rows with it, and what
//! is left of it in the end.

/// The sink of the build side.
mod build;
/// The keys of the build side.
mod build_keys;
/// The finished build side.
mod built;
/// The condition that pairs must meet beside equal keys.
mod filter;
/// Pairs by equal keys.
mod hash;
/// All pairs.
mod nested_loop;
/// Lists of pairs.
mod pairs;
/// From pairs to batches.
mod probe;
/// Rows of the build side that come last.
mod rest;
/// What the scan of the probe side is told.
mod runtime_filter;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, OnceLock};

use esker_datatypes::{DataType, Error, Result, SchemaRef};
use esker_logical_expr::Expr;
use esker_logical_plan::{JoinType, Side};

use crate::plan::Role;
use build::BuildSink;
use built::Built;
use filter::PairFilter;
use rest::RestSource;

pub(crate) use hash::FilterMaker;
pub use hash::{EquiKeys, HashJoinExec};
pub use nested_loop::NestedLoopJoinExec;
use runtime_filter::RuntimeFilter;

/// What a join is to give, whatever way it finds its pairs.
#[derive(Clone, Debug)]
pub struct JoinSpec {
    /// Which rows are in the result.
    pub join_type: JoinType,
    /// The side that is kept; the other one is probed, and gives the order of the result.
    pub build: Side,
    /// The columns of the left input.
    pub left: SchemaRef,
    /// The columns of the right input.
    pub right: SchemaRef,
    /// What must be TRUE of a pair beside equal keys: resolved and coerced, over both sides.
    pub filter: Option<Expr>,
    /// Whether a second row of the right side, which must be the kept one, is an error.
    pub single: bool,
    /// How many rows a batch of the result has at most (but for a batch of the probe side that
    /// passes as it is).
    pub batch_size: usize,
}

impl JoinSpec {
    fn build_schema(&self) -> &SchemaRef {
        match self.build {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    fn probe_schema(&self) -> &SchemaRef {
        match self.build {
            Side::Left => &self.right,
            Side::Right => &self.left,
        }
    }
}

/// What the probe gives for its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Emit {
    /// The pairs; unmatched rows as well, in their places, when `padded`.
    Pairs {
        /// Whether a row without a match is in the result.
        padded: bool,
    },
    /// The rows that have a match.
    Matched,
    /// The rows that have none.
    Unmatched,
    /// Nothing: it tells the build side which of its rows have a match.
    Nothing,
}

/// Which rows of the build side come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Those with a match.
    Matched,
    /// Those without one.
    Unmatched,
}

/// What the parts of a join share.
#[derive(Debug)]
struct Shared {
    /// The operator's name, for whoever asks who holds so much memory.
    name: &'static str,
    emit: Emit,
    rest: Option<Rest>,
    /// The build side is the left one: its columns come first.
    build_first: bool,
    /// The result has the columns of one side only.
    left_only: bool,
    /// Where in the build input the columns stand that are kept, and their types.
    payload: Vec<(usize, DataType)>,
    probe_types: Vec<DataType>,
    filter: Option<PairFilter>,
    single: bool,
    batch_size: usize,
    /// The keys, by position, by which scans filter.
    wanted_keys: Mutex<Vec<usize>>,
    built: OnceLock<Built>,
}

impl Shared {
    fn new(spec: &JoinSpec, name: &'static str) -> Result<Self> {
        if spec.single && spec.build == Side::Left {
            return Err(Error::internal("a join's single side is not the kept one"));
        }
        let build_left = spec.build == Side::Left;
        let (emit, rest) = parts(spec.join_type, spec.build);
        let types = |schema: &SchemaRef| -> Vec<DataType> {
            let fields = schema.fields().iter();
            fields.map(|field| field.data_type().clone()).collect()
        };
        // Semi and anti joins keep what the condition reads of the right side.
        let all = !spec.join_type.is_left_only() || build_left;
        let kept = if all {
            (0..spec.build_schema().len()).collect()
        } else {
            Vec::new()
        };
        let (filter, kept) = match &spec.filter {
            Some(filter) => {
                let (filter, kept) = PairFilter::new(filter, spec, kept)?;
                (Some(filter), kept)
            }
            None => (None, kept),
        };
        let build_types = types(spec.build_schema());
        let payload = kept
            .into_iter()
            .filter_map(|at| Some((at, build_types.get(at)?.clone())));
        Ok(Self {
            name,
            emit,
            rest,
            build_first: build_left,
            left_only: spec.join_type.is_left_only(),
            payload: payload.collect(),
            probe_types: types(spec.probe_schema()),
            filter,
            single: spec.single,
            batch_size: spec.batch_size.max(1),
            wanted_keys: Mutex::default(),
            built: OnceLock::new(),
        })
    }

    /// Whether a probe row without a match leaves no trace in the result.
    fn drops_unmatched(&self) -> bool {
        match self.emit {
            Emit::Pairs { padded } => !padded,
            Emit::Matched | Emit::Nothing => true,
            Emit::Unmatched => false,
        }
    }

    fn built(&self) -> Result<&Built> {
        self.built
            .get()
            .ok_or_else(|| Error::internal("a join is probed before it is built"))
    }
}

/// What the probe gives, and what comes behind it.
fn parts(join_type: JoinType, build: Side) -> (Emit, Option<Rest>) {
    let pairs = |padded| Emit::Pairs { padded };
    match (join_type, build) {
        (JoinType::Inner, Side::Left | Side::Right) => (pairs(false), None),
        (JoinType::Left, Side::Right) | (JoinType::Right, Side::Left) => (pairs(true), None),
        (JoinType::Right, Side::Right) | (JoinType::Left, Side::Left) => {
            (pairs(false), Some(Rest::Unmatched))
        }
        (JoinType::Full, Side::Left | Side::Right) => (pairs(true), Some(Rest::Unmatched)),
        (JoinType::Semi, Side::Right) => (Emit::Matched, None),
        (JoinType::Anti, Side::Right) => (Emit::Unmatched, None),
        (JoinType::Semi, Side::Left) => (Emit::Nothing, Some(Rest::Matched)),
        (JoinType::Anti, Side::Left) => (Emit::Nothing, Some(Rest::Unmatched)),
    }
}

/// The role of a join whose parts share this.
fn role(shared: Arc<Shared>, build: BuildSink, probe: Arc<dyn crate::pipeline::Operator>) -> Role {
    let rest = shared.rest.map(|rest| {
        let rest: Arc<dyn crate::pipeline::Source> = Arc::new(RestSource::new(shared, rest));
        rest
    });
    Role::Probe {
        build: Arc::new(build),
        probe,
        rest,
    }
}
